-- Notes edges that follow the feed, and forgets those that have not done so for long.
-- KEYS: the edges. ARGV: now, when what is over is forgotten, TTL; of each edge: name, the number it has
-- acknowledged, until when it follows.
local edges, now, forgotten = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local held, over = {}, {}
local rows = redis.call('HGETALL', edges)
for place = 1, #rows, 2 do
  local acknowledged, ends = string.match(rows[place + 1], '^(%S+) (%S+)$')
  if tonumber(ends) > now then
    held[rows[place]] = { acknowledged, ends }
  elseif tonumber(ends) <= forgotten then
    over[#over + 1] = rows[place]
  end
end
for _, name in ipairs(over) do
  redis.call('HDEL', edges, name)
end
for place = 4, #ARGV, 3 do
  local name, acknowledged, ends = ARGV[place], ARGV[place + 1], ARGV[place + 2]
  local before = held[name]
  -- Compared as numbers, kept as the text they came as.
  if before and tonumber(before[1]) > tonumber(acknowledged) then
    acknowledged = before[1]
  end
  if before and tonumber(before[2]) > tonumber(ends) then
    ends = before[2]
  end
  held[name] = { acknowledged, ends }
  redis.call('HSET', edges, name, acknowledged .. ' ' .. ends)
end
redis.call('PEXPIRE', edges, math.max(tonumber(ARGV[3]), redis.call('PTTL', edges)))
