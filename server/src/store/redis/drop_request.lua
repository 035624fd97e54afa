-- Gives up the claim on a request; an answer stays.
-- KEYS: the request.
local value = redis.call('GET', KEYS[1])
if value and not string.find(value, ' ', 1, true) then
  redis.call('DEL', KEYS[1])
end
return redis.status_reply('OK')
