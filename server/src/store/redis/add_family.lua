-- Adds a refresh family to a session, which its token does not outlive, unless its client has as many
-- living ones as it may. Those whose life is over make room.
-- KEYS: session. ARGV: now; family: id, client, scope, hash, end, what was granted; how many others of
-- the client may stay.
-- Gives: the names of those that are to make room first, the session (nothing where it was not added);
-- nothing where there is no session.
local session, now, keep = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[8])
local expires_at = redis.call('HGET', session, 'expires_at')
if not expires_at or tonumber(expires_at) <= now then
  return false
end

-- When a family was used last: its names tell the milliseconds they were made at, where they are of
-- version 7.
local function used_at(name, spent_at)
  local high, low, version = string.match(name, '^(%x+)-(%x+)-(%x)')
  local begun = version == '7' and tonumber(high, 16) * 65536 + tonumber(low, 16) or 0
  return math.max(begun, tonumber(spent_at or 0))
end

local others = {}
for _, field in ipairs(redis.call('HKEYS', session)) do
  local name = string.match(field, '^f:(.*):expires_at$')
  if name then
    local of = 'f:' .. name .. ':'
    local row = redis.call('HMGET', session, of .. 'expires_at', of .. 'client', of .. 'spent_at')
    if tonumber(row[1]) <= now then
      redis.call('HDEL', session, of .. 'client', of .. 'scope', of .. 'live',
        of .. 'spent', of .. 'spent_at', of .. 'expires_at', of .. 'granted')
    elseif row[2] == ARGV[3] then
      others[#others + 1] = { name = name, used = used_at(name, row[3]) }
    end
  end
end
if #others > keep then
  table.sort(others, function(one, other)
    if one.used == other.used then
      return one.name < other.name
    end
    return one.used < other.used
  end)
  local first = {}
  for place = 1, #others - keep do
    first[place] = others[place].name
  end
  return { first, false }
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
return { {}, redis.call('HMGET', session, 'data', 'proof', 'last_active_at', 'browser', 'clients') }
