-- Returns how many could go within some seconds, and takes nothing. ARGV: seconds, per second, burst,
-- recovery.
local span, rate, burst, recovery = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local bucket = load()
local since = math.max(bucket.at, bucket.held_until)
local most = math.max(math.min(burst, rate * share_at(bucket, now, recovery)), 1)
local there = math.min(most, (bucket.tokens or burst) + worth(bucket, since, now, recovery) * rate)
local coming = worth(bucket, math.max(now, bucket.held_until), now + span, recovery) * rate
if bucket.held_until > now then there = 0 end
return math.floor(there + coming)
