-- Polls for what a person said to a device. A yes is taken away by whoever hears it.
-- KEYS: the device, by its user code. ARGV: now, hash, interval.
-- Gives: outcome, decision.
local device, now = KEYS[1], tonumber(ARGV[1])
local row = redis.call('HMGET', device, 'hash', 'answer', 'decision', 'polled_at', 'hurried')
if row[1] ~= ARGV[2] then
  return { 'unknown', false }
end
if row[2] == 'yes' then
  redis.call('DEL', device)
  return { 'allowed', row[3] }
end
if row[2] then
  return { 'denied', false }
end
local before, hurried = row[4] and tonumber(row[4]), tonumber(row[5] or 0)
if not before or now > before then
  redis.call('HSET', device, 'polled_at', ARGV[1])
end
if before and now < before + tonumber(ARGV[3]) * (hurried + 1) then
  redis.call('HSET', device, 'hurried', hurried + 1)
  return { 'too_fast', false }
end
return { 'pending', false }
