-- Adds a refresh family to a session, which its token does not outlive; those whose life is over
-- make room.
-- KEYS: session. ARGV: now; family: id, client, scope, hash, end, what was granted.
local session, now = KEYS[1], tonumber(ARGV[1])
local expires_at = redis.call('HGET', session, 'expires_at')
if not expires_at or tonumber(expires_at) <= now then
  return false
end
for _, field in ipairs(redis.call('HKEYS', session)) do
  local dead = string.match(field, '^(f:.*:)expires_at$')
  if dead and tonumber(redis.call('HGET', session, field)) <= now then
    redis.call('HDEL', session, dead .. 'client', dead .. 'scope', dead .. 'live',
      dead .. 'spent', dead .. 'spent_at', dead .. 'expires_at', dead .. 'granted')
  end
end
-- Compared as numbers, kept as the text they came as.
local ends = ARGV[6]
if tonumber(expires_at) < tonumber(ends) then
  ends = expires_at
end
local family = 'f:' .. ARGV[2] .. ':'
redis.call('HSET', session,
  family .. 'client', ARGV[3], family .. 'scope', ARGV[4],
  family .. 'live', ARGV[5], family .. 'expires_at', ends, family .. 'granted', ARGV[7])
return redis.call('HMGET', session, 'data', 'proof', 'last_active_at', 'browser', 'clients')
