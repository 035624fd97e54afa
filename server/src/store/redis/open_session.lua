-- Opens a session, with its first refresh family where it has one, and closes what is too many beside it.
-- KEYS: session, index of the person's sessions (theirs lie in the same slot).
-- ARGV: sid, row, proof, last_active_at, expires_at, TTL, prefix, created_at, how many others may
-- stay, clients, hash of what a browser holds (or empty); family: id, client, scope, hash, end, what
-- was granted.
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
    local row = redis.call('HMGET', prefix .. sid, 'data', 'created_at')
    if row[1] then
      -- A row without the instant is older than those that have it.
      others[#others + 1] = { sid = sid, begun = tonumber(row[2] or 0) }
    else
      redis.call('ZREM', index, sid)
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
  'created_at', created_at, 'clients', ARGV[10])
if ARGV[11] ~= '' then
  redis.call('HSET', session, 'browser', ARGV[11])
end
if ARGV[12] then
  local family = 'f:' .. ARGV[12] .. ':'
  redis.call('HSET', session,
    family .. 'client', ARGV[13], family .. 'scope', ARGV[14],
    family .. 'live', ARGV[15], family .. 'expires_at', ARGV[16], family .. 'granted', ARGV[17])
end
redis.call('PEXPIRE', session, ttl)
redis.call('ZADD', index, ARGV[5], ARGV[1])
-- The index stays as long as the longest of its sessions.
if redis.call('PTTL', index) < ttl then
  redis.call('PEXPIRE', index, ttl)
end
return closed
