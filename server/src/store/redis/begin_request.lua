-- Claims a request, unless it is claimed or carried out.
-- KEYS: the request. ARGV: the claim's end, now, TTL.
-- Gives: what is known of it (nothing: this caller has the claim).
local value = redis.call('GET', KEYS[1])
if value and tonumber(string.match(value, '^%S+')) > tonumber(ARGV[2]) then
  return value
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return false
