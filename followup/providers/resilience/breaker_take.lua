-- Lets calls through. ARGV: wanted, probes, seconds that a probe may take, seconds to wait for its
-- outcome, and 1 to take the probes or 0 to look only.
-- Returns how many may go, how many seconds the others had better wait, and until when it is open.
local wanted, probes, probing = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local again, taking = tonumber(ARGV[4]), tonumber(ARGV[5])
local breaker = load()
if breaker.open_until == 0 then return {wanted, '0', '0'} end
if now < breaker.open_until then
  return {0, tostring(breaker.open_until - now), tostring(breaker.open_until - now)}
end
if now < breaker.probed_until then
  return {0, tostring(math.min(breaker.probed_until - now, again)), '0'}
end
if taking == 1 and wanted > 0 then
  breaker.probed_until = now + probing
  save(breaker)
end
return {math.min(wanted, probes), tostring(again), '0'}
