-- Takes a one-time token away, if it is the presented one.
-- KEYS: the token. ARGV: hash of the presented token.
local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, 1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then
  return false
end
redis.call('DEL', KEYS[1])
return value
