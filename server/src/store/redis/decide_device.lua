-- Notes what a person said to a device, once.
-- KEYS: the device, by its user code. ARGV: now, hash, answer, decision.
local device = KEYS[1]
local row = redis.call('HMGET', device, 'hash', 'expires_at', 'answer')
if row[1] ~= ARGV[2] or tonumber(row[2]) <= tonumber(ARGV[1]) or row[3] then
  return 0
end
redis.call('HSET', device, 'answer', ARGV[3], 'decision', ARGV[4])
return 1
