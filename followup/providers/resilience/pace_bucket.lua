-- A sender's bucket: how many tokens it holds, and the share of the pace that it has got back since it
-- was slowed down. Put before the other scripts. KEYS: the bucket.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function load()
  local found = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'held_until', 'share', 'share_at', 'slowed_at')
  return {
    tokens = tonumber(found[1]), at = tonumber(found[2] or now), held_until = tonumber(found[3] or 0),
    share = tonumber(found[4] or 1), share_at = tonumber(found[5] or 0), slowed_at = tonumber(found[6] or 0)
  }
end

local function save(bucket, seconds)
  redis.call('HSET', KEYS[1], 'tokens', tostring(bucket.tokens), 'at', string.format('%.6f', bucket.at),
    'held_until', string.format('%.6f', bucket.held_until), 'share', tostring(bucket.share),
    'share_at', string.format('%.6f', bucket.share_at), 'slowed_at', string.format('%.6f', bucket.slowed_at))
  redis.call('EXPIRE', KEYS[1], math.ceil(seconds))
end

-- The share of the pace at a time: it rises steadily, from nothing to all in `recovery` seconds.
local function share_at(bucket, moment, recovery)
  return math.min(1, bucket.share + math.max(0, moment - bucket.share_at) / recovery)
end

-- How many seconds at the full pace a span is worth.
local function worth(bucket, since, till, recovery)
  if till <= since then return 0 end
  local whole_at = bucket.share_at + (1 - bucket.share) * recovery
  local rising_from = math.min(math.max(since, bucket.share_at), till)
  local rising_to = math.max(rising_from, math.min(till, whole_at))
  local rise = (share_at(bucket, rising_from, recovery) + share_at(bucket, rising_to, recovery)) / 2
  return (rising_from - since) * bucket.share + (rising_to - rising_from) * rise + (till - rising_to)
end

-- Seconds after which the bucket is as one that does not exist.
local function memory(bucket, rate, burst, recovery)
  local left = bucket.share_at + (1 - bucket.share) * recovery - now
  return math.max(left, 0) + burst / rate + 1
end
