-- Takes back the newest try that was counted at an instant.
-- KEYS: tries. ARGV: the instant.
local newest = redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1], 'LIMIT', 0, 1)[1]
if newest then
  redis.call('ZREM', KEYS[1], newest)
end
return redis.status_reply('OK')
