-- Empties a sender's bucket and holds it for some seconds. KEYS: the bucket. ARGV: seconds.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local held_until = tonumber(redis.call('HGET', KEYS[1], 'held_until') or 0)
held_until = math.max(held_until, now + tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'tokens', '0', 'at', string.format('%.6f', now),
  'held_until', string.format('%.6f', held_until))
redis.call('EXPIRE', KEYS[1], math.ceil(held_until - now) + 3600)
return tostring(held_until - now)
