-- Opens a session with its first refresh family.
-- KEYS: session, index of the person's sessions.
-- ARGV: sid, row, proof, last_active_at, expires_at, TTL; family: id, client, scope, hash, end.
local session, index, ttl = KEYS[1], KEYS[2], tonumber(ARGV[6])
local family = 'f:' .. ARGV[7] .. ':'
redis.call('HSET', session,
  'data', ARGV[2], 'proof', ARGV[3], 'last_active_at', ARGV[4], 'expires_at', ARGV[5],
  family .. 'client', ARGV[8], family .. 'scope', ARGV[9],
  family .. 'live', ARGV[10], family .. 'expires_at', ARGV[11])
redis.call('PEXPIRE', session, ttl)
redis.call('ZADD', index, ARGV[5], ARGV[1])
-- The index stays as long as the longest of its sessions.
if redis.call('PTTL', index) < ttl then
  redis.call('PEXPIRE', index, ttl)
end
return redis.status_reply('OK')
