-- Notes that a client takes part in a session, once, and that the session did something.
-- KEYS: session. ARGV: now, client.
local session, client = KEYS[1], ARGV[2] .. '\0'
local row = redis.call('HMGET', session, 'expires_at', 'last_active_at', 'clients')
if not row[1] or tonumber(row[1]) <= tonumber(ARGV[1]) then
  return 0
end
local clients = row[3] or ''
if not string.find('\0' .. clients, '\0' .. client, 1, true) then
  redis.call('HSET', session, 'clients', clients .. client)
end
if tonumber(row[2]) < tonumber(ARGV[1]) then
  redis.call('HSET', session, 'last_active_at', ARGV[1])
end
return 1
