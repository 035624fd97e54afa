-- Counts a try, if fewer than the limit were counted within the window.
-- KEYS: tries. ARGV: now, the instant at which tries have left the window, limit, TTL.
-- Gives: whether it was counted, how many are counted now, the oldest of them.
local tries, now, left, limit, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
redis.call('ZREMRANGEBYSCORE', tries, '-inf', left)
local counted = redis.call('ZCARD', tries)
local allowed = 0
if counted < limit then
  -- Tries of one instant are numbered, so that each is a member of its own.
  local number = redis.call('ZCOUNT', tries, now, now)
  redis.call('ZADD', tries, now, now .. ':' .. string.format('%010d', number))
  redis.call('PEXPIRE', tries, ttl)
  counted = counted + 1
  allowed = 1
end
return { allowed, counted, redis.call('ZRANGE', tries, 0, 0)[1] or false }
