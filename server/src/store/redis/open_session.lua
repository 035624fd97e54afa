-- Opens a session, with its first refresh family where it has one, and closes what is too many of
-- the same client beside it.
-- KEYS: session, index of the person's sessions (theirs lie in the same slot).
-- ARGV: sid, row, proof, last_active_at, expires_at, TTL, prefix, created_at, how many others of the
-- client may stay, clients, hash of what a browser holds (or empty), client; family: id, client, scope,
-- hash, end, what was granted.
-- Gives: the sids of the closed ones.
local session, index, ttl = KEYS[1], KEYS[2], tonumber(ARGV[6])
local prefix, created_at, keep = ARGV[7], ARGV[8], tonumber(ARGV[9])

-- What is over leaves the index, which otherwise lives on with the newest session.
for _, sid in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', created_at)) do
  redis.call('ZREM', index, sid)
  redis.call('DEL', prefix .. sid)
end

local closed = {}
if redis.call('ZCARD', index) > keep then
  local others = {}
  for _, sid in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    local row = redis.call('HMGET', prefix .. sid, 'data', 'created_at', 'client')
    if not row[1] then
      redis.call('ZREM', index, sid)
    elseif (row[3] or cjson.decode(row[1]).client_id) == ARGV[12] then
      -- A row without the instant is older than those that have it.
      others[#others + 1] = { sid = sid, begun = tonumber(row[2] or 0) }
    end
  end
  table.sort(others, function(one, other)
    if one.begun == other.begun then
      return one.sid < other.sid
    end
    return one.begun < other.begun
  end)
  for place = 1, #others - keep do
    closed[place] = others[place].sid
    redis.call('ZREM', index, closed[place])
    redis.call('DEL', prefix .. closed[place])
  end
end

redis.call('HSET', session,
  'data', ARGV[2], 'proof', ARGV[3], 'last_active_at', ARGV[4], 'expires_at', ARGV[5],
  'created_at', created_at, 'clients', ARGV[10], 'client', ARGV[12])
if ARGV[11] ~= '' then
  redis.call('HSET', session, 'browser', ARGV[11])
end
if ARGV[13] then
  local family = 'f:' .. ARGV[13] .. ':'
  redis.call('HSET', session,
    family .. 'client', ARGV[14], family .. 'scope', ARGV[15],
    family .. 'live', ARGV[16], family .. 'expires_at', ARGV[17], family .. 'granted', ARGV[18])
end
redis.call('PEXPIRE', session, ttl)
redis.call('ZADD', index, ARGV[5], ARGV[1])
-- The index stays as long as the longest of its sessions.
if redis.call('PTTL', index) < ttl then
  redis.call('PEXPIRE', index, ttl)
end
return closed
