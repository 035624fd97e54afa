-- Keeps the request of a device, if its user code is free.
-- KEYS: the device, by its user code. ARGV: created_at, hash, expires_at, row, TTL.
local device = KEYS[1]
local ends = redis.call('HGET', device, 'expires_at')
if ends and tonumber(ends) > tonumber(ARGV[1]) then
  return 0
end
redis.call('DEL', device)
redis.call('HSET', device, 'hash', ARGV[2], 'expires_at', ARGV[3], 'data', ARGV[4])
redis.call('PEXPIRE', device, ARGV[5])
return 1
