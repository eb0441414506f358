-- Notes outcomes. ARGV: how many failed since the last that went well, 1 if one went well, failures that
-- open it, shortest and longest seconds to stay open.
-- Returns 1 if it opened by this, -1 if it closed, else 0; and for how many seconds it is open.
local bad, good = tonumber(ARGV[1]), tonumber(ARGV[2])
local threshold, shortest, longest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local breaker = load()
local change = 0
if good == 1 then
  if breaker.open_until > 0 then change = -1 end
  breaker = {failures = bad, times = 0, open_until = 0, probed_until = 0}
else
  breaker.failures = breaker.failures + bad
end
if breaker.failures >= threshold and now >= breaker.open_until then
  if breaker.open_until == 0 then change = 1 end
  breaker.open_until = now + math.min(shortest * 2 ^ math.min(breaker.times, 30), longest)
  breaker.times = breaker.times + 1
  breaker.probed_until = 0
end
if breaker.failures == 0 then redis.call('DEL', KEYS[1]) else save(breaker) end
return {change, tostring(math.max(breaker.open_until - now, 0))}
