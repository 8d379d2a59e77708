-- What one commit says of one session: renews its clock, joins its positions, in the order in which they are given.
-- KEYS: clocks, positions, erased. ARGV: session, the time of its latest event, its clock, then item and row in turn.
-- Returns 1: it may play.
local now = tonumber(redis.call('TIME')[1])
local floor = floor_of(KEYS[3])
local session, last, clock = ARGV[1], ARGV[2], ARGV[3]

if above(last, floor) then
  local known = redis.call('HGET', KEYS[1], session)
  if known then
    if #known ~= CLOCK_BYTES then return damaged(KEYS[1], session) end
    if not over(known, SESSION_TTL_S, now) then
      last = greater(string.sub(known, 5, 12), last)
      clock = lesser(string.sub(known, 13), clock)
    end
  end
  redis.call('HSET', KEYS[1], session, struct.pack('>I4', now) .. last .. clock)
  redis.call('EXPIRE', KEYS[1], SESSION_TTL_S)
  if not known then trim(KEYS[1], session, SESSIONS_MAX, SESSION_TTL_S, now) end
end

for at = 4, #ARGV, 2 do
  local item = ARGV[at]
  local row = without(parts(ARGV[at + 1], 1), floor)
  if row then
    local known = redis.call('HGET', KEYS[2], item)
    if known then
      local joined = parts(known, 5)
      if not joined then return damaged(KEYS[2], item) end
      if not over(known, POSITION_TTL_S, now) then row = join(joined, row) end
    end
    redis.call('HSET', KEYS[2], item, struct.pack('>I4', now) .. packed(row))
    redis.call('EXPIRE', KEYS[2], POSITION_TTL_S)
    if not known then trim(KEYS[2], item, POSITIONS_MAX, POSITION_TTL_S, now) end
  end
end
return 1
