-- What the scripts share. Values are bytes whose order is the order of what they say (form.rs). Lua's own comparison of
-- texts goes by the server's locale, so bytes are compared one by one.
-- A stored value begins with the time of its last touch, s, in 4 bytes; a clock's goes on with the time of the session's
-- latest event and the clock, a position's with the parts of its row.
local CLOCK_BYTES = 28

local function less(a, b)
  if a == b then return false end
  for at = 1, math.min(#a, #b) do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function greater(a, b)
  if less(a, b) then return b end
  return a
end

local function lesser(a, b)
  if less(b, a) then return b end
  return a
end

-- Up to when a user was erased; without an erasure the beginning of time, which counts as erased then.
local function floor_of(key)
  return redis.call('GET', key) or string.rep('\0', 8)
end

-- True where a part is there and its time, which it begins with, is later than an erasure.
local function above(part, floor)
  return part ~= '' and less(floor, string.sub(part, 1, 8))
end

local function damaged(key, field)
  return redis.error_reply('DAMAGED ' .. key .. ' has a value that cannot be read, field ' .. field)
end

-- True when nothing was said of it for so long that it counts as forgotten.
local function over(value, ttl_s, now)
  return struct.unpack('>I4', value) + ttl_s <= now
end

-- The parts of a row: settled, opening, first and last completion, mark; '' where there is none. Nil when it is no row.
local function parts(value, from)
  local ok, settled, opening, first, last, mark, rest = pcall(struct.unpack, '>Hc0Hc0Hc0Hc0Hc0', value, from)
  if not ok or rest ~= #value + 1 then return nil end
  return { settled, opening, first, last, mark }
end

local function packed(row)
  local out = {}
  for at = 1, 5 do out[at] = struct.pack('>Hc0', #row[at], row[at]) end
  return table.concat(out)
end

-- The least of the first completions, the greatest of all else.
local function join(a, b)
  local first = lesser(a[3], b[3])
  if first == '' then first = a[3] .. b[3] end
  return { greater(a[1], b[1]), greater(a[2], b[2]), first, greater(a[4], b[4]), greater(a[5], b[5]) }
end

-- The row without what is not later than an erasure, or nil when nothing is left.
local function without(row, floor)
  if not row then return nil end
  local left, is_left = {}, false
  for at = 1, 5 do
    left[at] = above(row[at], floor) and row[at] or ''
    is_left = is_left or left[at] ~= ''
  end
  -- Where the first completion is gone and a later one stays, that one is the first of what is left.
  if left[3] == '' then left[3] = left[4] end
  return is_left and left or nil
end

-- Where a user has too many entries, an eighth of them goes, those first of which nothing was said for the longest time.
local function trim(key, fresh, entries_max, ttl_s, now)
  if redis.call('HLEN', key) <= entries_max then return end
  local all, aged = redis.call('HGETALL', key), {}
  for at = 1, #all, 2 do
    if all[at] ~= fresh then
      local seen = #all[at + 1] >= 4 and struct.unpack('>I4', all[at + 1]) or 0
      aged[#aged + 1] = { seen, all[at] }
    end
  end
  table.sort(aged, function(a, b) return a[1] < b[1] end)
  local surplus = #aged + 1 - (entries_max - math.floor(entries_max / 8))
  for at, entry in ipairs(aged) do
    if at > surplus and entry[1] + ttl_s > now then break end
    redis.call('HDEL', key, entry[2])
  end
end
