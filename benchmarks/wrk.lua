-- What wrk sends and counts. Before this stand: requests (whole, taken in turn), tokens (refresh tokens to begin with), place.

local turn, first, last = 0, 1, #tokens

if #tokens == 0 then
  function request()
    turn = turn % #requests + 1
    return requests[turn]
  end
else
  local before, after = requests[1]:match("^(.*)" .. place .. "(.*)$")
  function request()
    local token = tokens[first]
    tokens[first] = nil
    first = first + 1
    return before .. token .. after
  end
  function response(status, headers, body)
    last = last + 1
    tokens[last] = body:match('"refresh_token":"([^"]+)"')
  end
end

function done(summary, latency, seen)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"answered":%d,"failed":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f}\n',
    summary.requests - errors.status, failed, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
