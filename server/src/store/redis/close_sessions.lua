-- Closes every session of a person but one.
-- KEYS: index of the person's sessions (theirs lie in the same slot).
-- ARGV: prefix, sid of the session that stays (or empty).
local closed = {}
for _, sid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if sid ~= ARGV[2] then
    redis.call('ZREM', KEYS[1], sid)
    if redis.call('DEL', ARGV[1] .. sid) == 1 then
      closed[#closed + 1] = sid
    end
  end
end
return closed
