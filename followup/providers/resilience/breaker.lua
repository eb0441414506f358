-- A circuit breaker: none is kept while all is well. Put before the other scripts. KEYS: the breaker.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function load()
  local found = redis.call('HMGET', KEYS[1], 'failures', 'times', 'open_until', 'probed_until')
  return {
    failures = tonumber(found[1] or 0), times = tonumber(found[2] or 0),
    open_until = tonumber(found[3] or 0), probed_until = tonumber(found[4] or 0)
  }
end

local function save(breaker)
  redis.call('HSET', KEYS[1], 'failures', breaker.failures, 'times', breaker.times,
    'open_until', string.format('%.6f', breaker.open_until),
    'probed_until', string.format('%.6f', breaker.probed_until))
  redis.call('EXPIRE', KEYS[1], 3600)
end
