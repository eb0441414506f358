-- Takes tokens. ARGV: wanted, per second, burst, recovery.
-- Returns how many were granted, how many seconds the others had better wait, and the present pace.
local wanted, rate, burst, recovery = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local bucket = load()
local pace = rate * share_at(bucket, now, recovery)
if bucket.held_until > now then
  return {0, tostring(bucket.held_until - now), tostring(pace)}
end
local most = math.max(math.min(burst, pace), 1)
local since = math.max(bucket.at, bucket.held_until)
local tokens = math.min(most, (bucket.tokens or burst) + worth(bucket, since, now, recovery) * rate)
local granted = math.min(wanted, math.floor(tokens + 0.000001))
bucket.tokens = math.max(tokens - granted, 0)
bucket.at = now
local wait = 0
if granted < wanted then
  wait = (math.min(wanted - granted, most) - bucket.tokens) / pace
end
save(bucket, memory(bucket, rate, burst, recovery))
return {granted, tostring(math.max(wait, 0)), tostring(pace)}
