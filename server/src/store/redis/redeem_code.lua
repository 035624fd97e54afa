-- Redeems a code, and remembers that it was.
-- KEYS: the code. ARGV: now, until when it is remembered, TTL of that.
-- Gives: outcome, the code (nothing: there is none).
local value = redis.call('GET', KEYS[1])
if not value then
  return false
end
local state, ends, code = string.match(value, '^(%a+) (%-?%d+) (.*)$')
if tonumber(ends) <= tonumber(ARGV[1]) then
  return false
end
if state == 'live' then
  redis.call('SET', KEYS[1], 'spent ' .. ARGV[2] .. ' ' .. code, 'PX', ARGV[3])
end
return { state, code }
