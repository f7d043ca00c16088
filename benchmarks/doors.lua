-- Asks one door at an even pace: `wrk -s doors.lua URL -- MODE RATE THREADS KEY FILE`.
--
-- MODE is context or decision; FILE holds one customer reference a line. Each thread has a schedule of its own, and a
-- connection that is free takes the next time on it: where the door cannot keep up, the rate that was reached says so.

local ffi = require("ffi")
ffi.cdef[[
typedef struct { long sec; long nsec; } moment;
int clock_gettime(int clock, moment *now);
]]
local now = ffi.new("moment")

local function milliseconds()
  ffi.C.clock_gettime(1, now)
  return tonumber(now.sec) * 1000 + tonumber(now.nsec) / 1e6
end

local threads = {}

function setup(thread)
  thread:set("id", #threads)
  threads[#threads + 1] = thread
end

function init(arguments)
  mode, key = arguments[1], arguments[4]
  gap = 1000 * tonumber(arguments[3]) / tonumber(arguments[2])
  run = arguments[6]
  references = {}
  for line in io.lines(arguments[5]) do references[#references + 1] = line end
  math.randomseed(id + 1)
  count, due, wrong = 0, milliseconds() + gap * id / tonumber(arguments[3]), 0
end

function delay()
  local wait = due - milliseconds()
  due = due + gap
  return wait > 0 and math.floor(wait) or 0
end

function request()
  count = count + 1
  local reference = references[math.random(#references)]
  local headers = { ["Authorization"] = "Bearer " .. key }
  if mode == "context" then
    return wrk.format("GET", "/v1/customers/" .. reference .. "/context?channel=phone&department=service", headers)
  end
  headers["Content-Type"] = "application/json"
  headers["Idempotency-Key"] = run .. "-" .. id .. "-" .. count
  local body = '{"ref":"' .. reference .. '","channel":"phone","facts":{"basket":' .. math.random(300) .. "}}"
  return wrk.format("POST", "/v1/decisions", headers, body)
end

function response(status)
  if status ~= 200 then wrong = wrong + 1 end
end

function done(summary, latency)
  local refused = 0
  for _, thread in ipairs(threads) do refused = refused + thread:get("wrong") end
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  print(string.format(
    '\n{"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p95_ms": %.2f, "p99_ms": %.2f, "max_ms": %.2f, "not_ok": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(95) / 1000,
    latency:percentile(99) / 1000, latency.max / 1000, refused + failed
  ))
end
