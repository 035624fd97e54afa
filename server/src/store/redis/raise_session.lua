-- Gives a session a new proof, which is activity, and a family in the place of every one of its
-- client.
-- KEYS: session. ARGV: now, proof; family: id, client, scope, hash, end, what was granted.
local session = KEYS[1]
local row = redis.call('HMGET', session, 'expires_at', 'last_active_at')
if not row[1] or tonumber(row[1]) <= tonumber(ARGV[1]) then
  return false
end
for _, field in ipairs(redis.call('HKEYS', session)) do
  local old = string.match(field, '^(f:.*:)client$')
  if old and redis.call('HGET', session, field) == ARGV[4] then
    redis.call('HDEL', session, old .. 'client', old .. 'scope', old .. 'live',
      old .. 'spent', old .. 'spent_at', old .. 'expires_at', old .. 'granted')
  end
end
local family = 'f:' .. ARGV[3] .. ':'
redis.call('HSET', session, 'proof', ARGV[2],
  family .. 'client', ARGV[4], family .. 'scope', ARGV[5],
  family .. 'live', ARGV[6], family .. 'expires_at', ARGV[7], family .. 'granted', ARGV[8])
if tonumber(row[2]) < tonumber(ARGV[1]) then
  redis.call('HSET', session, 'last_active_at', ARGV[1])
end
return redis.call('HMGET', session, 'data', 'proof', 'last_active_at', 'browser', 'clients')
