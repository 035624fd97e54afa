-- Opens a session with its first refresh family, and closes what is too many beside it.
-- KEYS: session, index of the person's sessions (theirs lie in the same slot).
-- ARGV: sid, row, proof, last_active_at, expires_at, TTL; family: id, client, scope, hash, end;
-- prefix, created_at, how many others may stay.
-- Gives: the sids of the closed ones.
local session, index, ttl = KEYS[1], KEYS[2], tonumber(ARGV[6])
local prefix, keep = ARGV[12], tonumber(ARGV[14])

-- What is over leaves the index, which otherwise lives on with the newest session.
for _, sid in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', ARGV[13])) do
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

local family = 'f:' .. ARGV[7] .. ':'
redis.call('HSET', session,
  'data', ARGV[2], 'proof', ARGV[3], 'last_active_at', ARGV[4], 'expires_at', ARGV[5],
  'created_at', ARGV[13],
  family .. 'client', ARGV[8], family .. 'scope', ARGV[9],
  family .. 'live', ARGV[10], family .. 'expires_at', ARGV[11])
redis.call('PEXPIRE', session, ttl)
redis.call('ZADD', index, ARGV[5], ARGV[1])
-- The index stays as long as the longest of its sessions.
if redis.call('PTTL', index) < ttl then
  redis.call('PEXPIRE', index, ttl)
end
return closed
