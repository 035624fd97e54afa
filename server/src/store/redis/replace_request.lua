-- Puts a newer state of a request in the place of the one that was read, while that is still there.
-- KEYS: the request. ARGV: what was read, what it is now, TTL.
-- Gives: whether it did.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
