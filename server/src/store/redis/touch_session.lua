-- Notes that a session did something.
-- KEYS: session. ARGV: now.
local row = redis.call('HMGET', KEYS[1], 'expires_at', 'last_active_at')
if not row[1] or tonumber(row[1]) <= tonumber(ARGV[1]) then
  return 0
end
if tonumber(row[2]) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'last_active_at', ARGV[1])
end
return 1
