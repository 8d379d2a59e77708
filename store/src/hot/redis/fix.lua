-- Fixes a session's clock, once: the first proposal wins.
-- KEYS: clocks. ARGV: session, the time of the fixing, the proposed clock. Returns the clock that counts.
local now = tonumber(redis.call('TIME')[1])
local session, last, clock = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HGET', KEYS[1], session)
if known then
  if #known ~= CLOCK_BYTES then return damaged(KEYS[1], session) end
  if not over(known, SESSION_TTL_S, now) then
    last, clock = string.sub(known, 5, 12), string.sub(known, 13)
  end
end
redis.call('HSET', KEYS[1], session, struct.pack('>I4', now) .. last .. clock)
redis.call('EXPIRE', KEYS[1], SESSION_TTL_S)
if not known then trim(KEYS[1], session, SESSIONS_MAX, SESSION_TTL_S, now) end
return clock
