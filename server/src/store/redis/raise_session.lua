-- Gives a session a new proof, which is activity.
-- KEYS: session. ARGV: now, proof.
local row = redis.call('HMGET', KEYS[1], 'expires_at', 'last_active_at')
if not row[1] or tonumber(row[1]) <= tonumber(ARGV[1]) then
  return false
end
redis.call('HSET', KEYS[1], 'proof', ARGV[2])
if tonumber(row[2]) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'last_active_at', ARGV[1])
end
return redis.call('HMGET', KEYS[1], 'data', 'proof', 'last_active_at')
