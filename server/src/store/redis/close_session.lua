-- Closes a session; its families lie in it.
-- KEYS: session, index of the person's sessions. ARGV: sid.
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
