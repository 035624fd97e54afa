-- The refresh families of a person's living sessions, each session with all its fields.
-- KEYS: index of the person's sessions (theirs lie in the same slot). ARGV: prefix, now.
local sessions = {}
for _, sid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local expires_at = redis.call('HGET', ARGV[1] .. sid, 'expires_at')
  if expires_at and tonumber(expires_at) > tonumber(ARGV[2]) then
    sessions[#sessions + 1] = { sid, redis.call('HGETALL', ARGV[1] .. sid) }
  end
end
return sessions
