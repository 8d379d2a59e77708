-- Sets an account's leases, if they are still those that the rule was applied to, and tells who lost a slot by it.
-- KEYS: leases. ARGV: the version that is replaced ('' for none), the new one, the new leases ('' for none), their time
-- to live, ms, the channel of kicks, the kicks. Returns 1, or what is there instead ('' for nothing).
local known = redis.call('GET', KEYS[1])
local version = known and string.sub(known, 1, VERSION_BYTES) or ''
if version ~= ARGV[1] then return known or '' end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2] .. ARGV[3], 'PX', ARGV[4])
end
for at = 6, #ARGV do redis.call('PUBLISH', ARGV[5], ARGV[at]) end
return 1
