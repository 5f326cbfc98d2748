-- wrk -s wrk.lua URL -- FILE: send the requests of a Lua file at random, and print what benchmarks/compare/load.py reads.
local requests = {}

function init(args)
  math.randomseed(1947)
  for _, r in ipairs(dofile(args[1])) do
    local headers = {}
    if r.body ~= '' then headers['Content-Type'] = 'application/json' end
    if r.token ~= '' then headers['Authorization'] = 'Bearer ' .. r.token end
    requests[#requests + 1] = wrk.format(r.method, r.path, headers, r.body ~= '' and r.body or nil)
  end
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('RESULT %.2f %.4f %.4f %d %d\n', summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.read + errors.connect + errors.timeout, summary.requests))
end
