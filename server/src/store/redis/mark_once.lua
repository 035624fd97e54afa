-- Notes that something came that counts once.
-- KEYS: its mark, since when marks are remembered (in the same slot, and lost with them).
-- ARGV: issued_at, until when it is remembered, now, TTL of the mark, TTL of the beginning.
local mark, began, now = KEYS[1], KEYS[2], tonumber(ARGV[3])
local since = redis.call('GET', began)
if not since then
  since = ARGV[3]
  redis.call('SET', began, since, 'PX', ARGV[5])
end
if tonumber(ARGV[1]) <= tonumber(since) then
  return 'before_memory'
end
local held = redis.call('GET', mark)
if held and tonumber(held) > now then
  return 'again'
end
if tonumber(ARGV[2]) > now then
  redis.call('SET', mark, ARGV[2], 'PX', ARGV[4])
end
return 'first'
