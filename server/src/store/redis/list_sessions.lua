-- The living sessions of a person. What the index names and is gone leaves the index.
-- KEYS: index of the person's sessions (theirs lie in the same slot). ARGV: prefix, now.
local sessions = {}
for _, sid in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local row = redis.call('HMGET', ARGV[1] .. sid, 'data', 'proof', 'last_active_at', 'browser',
    'clients', 'expires_at')
  if not row[1] then
    redis.call('ZREM', KEYS[1], sid)
  elseif tonumber(row[6]) > tonumber(ARGV[2]) then
    sessions[#sessions + 1] = { row[1], row[2], row[3], row[4], row[5] }
  end
end
return sessions
