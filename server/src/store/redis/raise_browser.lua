-- Gives the session of a browser a new proof, which is activity, and a new hash of what the browser
-- holds of it in the place of the presented one.
-- KEYS: session. ARGV: now, presented hash, proof, new hash.
local session = KEYS[1]
local row = redis.call('HMGET', session, 'expires_at', 'last_active_at', 'browser')
if not row[1] or tonumber(row[1]) <= tonumber(ARGV[1]) or row[3] ~= ARGV[2] then
  return false
end
redis.call('HSET', session, 'proof', ARGV[3], 'browser', ARGV[4])
if tonumber(row[2]) < tonumber(ARGV[1]) then
  redis.call('HSET', session, 'last_active_at', ARGV[1])
end
return redis.call('HMGET', session, 'data', 'proof', 'last_active_at', 'browser', 'clients')
