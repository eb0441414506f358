-- Takes tokens from a sender's bucket. KEYS: the bucket. ARGV: wanted, per second, burst.
-- Returns how many were granted, and how many seconds the others had better wait.
local wanted, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local state = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'held_until')
local tokens = tonumber(state[1] or burst)
local at = tonumber(state[2] or now)
local held_until = tonumber(state[3] or 0)
if held_until > now then
  return {0, tostring(held_until - now)}
end
local since = math.max(at, held_until)
tokens = math.min(burst, tokens + math.max(0, now - since) * rate)
local granted = math.min(wanted, math.floor(tokens + 0.000001))
tokens = math.max(tokens - granted, 0)
local wait = 0
if granted < wanted then
  wait = (math.min(wanted - granted, burst) - tokens) / rate
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
-- By then it is full again, as one that does not exist is.
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 1)
return {granted, tostring(math.max(wait, 0))}
