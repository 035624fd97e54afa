-- Rotates a refresh token. At most one token of a family is live at any instant.
-- KEYS: session. ARGV: family, client, presented hash, successor's hash, now, the successor's end,
-- the instant since which a spent token may be presented once more.
-- Gives: outcome, session, scope, the successor's end, what was granted.
local session = KEYS[1]
local family = 'f:' .. ARGV[1] .. ':'
local presented, successor = ARGV[3], ARGV[4]
local now, ends, retry_since = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])

local row = redis.call('HMGET', session, 'expires_at',
  family .. 'client', family .. 'scope', family .. 'live', family .. 'spent',
  family .. 'spent_at', family .. 'expires_at', 'last_active_at', family .. 'granted')
local session_ends, client, scope, live = row[1], row[2], row[3], row[4]
local spent, spent_at, family_ends = row[5], row[6], row[7]

if not session_ends or tonumber(session_ends) <= now
  or not live or tonumber(family_ends) <= now then
  return { 'unknown', false, false, false, false }
end
if client ~= ARGV[2] then
  return { 'wrong_client', false, false, false, false }
end

local outcome
if presented == live then
  outcome = 'fresh'
  redis.call('HSET', session, family .. 'spent', live, family .. 'spent_at', ARGV[5])
elseif presented == spent and tonumber(spent_at) > retry_since then
  -- The live token is the unused successor: it dies, and the rotation keeps its first instant.
  outcome = 'retried'
else
  return { 'reused', false, false, false, false }
end

-- Compared as numbers, kept as the text they came as.
if tonumber(session_ends) < tonumber(ends) then
  ends = session_ends
end
redis.call('HSET', session, family .. 'live', successor, family .. 'expires_at', ends)
if tonumber(row[8]) < now then
  redis.call('HSET', session, 'last_active_at', ARGV[5])
end
local fields = redis.call('HMGET', session, 'data', 'proof', 'last_active_at', 'browser', 'clients')
return { outcome, fields, scope, ends, row[9] }
