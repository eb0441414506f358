-- Empties the bucket, holds it, and lessens its share of the pace. ARGV: seconds, factor, least, calm,
-- recovery. A share that was lessened less than `calm` seconds ago, or is held still, stays as it is;
-- with a factor of 0 it falls to the least.
local seconds, factor, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local calm, recovery = tonumber(ARGV[4]), tonumber(ARGV[5])
local bucket = load()
bucket.share = share_at(bucket, now, recovery)
if factor == 0 or (now >= bucket.held_until and now >= bucket.slowed_at + calm) then
  bucket.share = math.max(bucket.share * factor, least)
  bucket.slowed_at = now
end
bucket.tokens = 0
bucket.at = now
bucket.held_until = math.max(bucket.held_until, now + seconds)
bucket.share_at = bucket.held_until
save(bucket, bucket.held_until - now + 3600)
return tostring(bucket.held_until - now)
