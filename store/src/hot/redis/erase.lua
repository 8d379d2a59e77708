-- Forgets all that a user has up to a time, and remembers that, so that a commit under way brings nothing back.
-- KEYS: clocks, positions, erased. ARGV: the time. What cannot be read goes too. Returns 1.
local through = greater(floor_of(KEYS[3]), ARGV[1])
redis.call('SET', KEYS[3], through, 'EX', POSITION_TTL_S)

local clocks = redis.call('HGETALL', KEYS[1])
for at = 1, #clocks, 2 do
  local known = clocks[at + 1]
  if #known ~= CLOCK_BYTES or not above(string.sub(known, 5, 12), through) then
    redis.call('HDEL', KEYS[1], clocks[at])
  end
end

local rows = redis.call('HGETALL', KEYS[2])
for at = 1, #rows, 2 do
  local known = rows[at + 1]
  local row = without(parts(known, 5), through)
  if row then
    redis.call('HSET', KEYS[2], rows[at], string.sub(known, 1, 4) .. packed(row))
  else
    redis.call('HDEL', KEYS[2], rows[at])
  end
end
return 1
