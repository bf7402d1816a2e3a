-- Calls with every token in turn. Arguments: stem, first and last number of the tokens, method, path, content type or
-- "-", body in hexadecimal or "-", and "web" if the status of a call is in its gRPC-Web trailers.

local requests, turn, threads = {}, 0, {}
bad = 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  local stem, first, last, method, path, content, body, kind = unpack(arguments)
  local headers = {}
  if content ~= "-" then
    headers["content-type"] = content
  end
  if body == "-" then
    body = nil
  else
    body = body:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end)
  end
  for number = tonumber(first), tonumber(last) do
    headers["authorization"] = string.format("Bearer %s%06d", stem, number)
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
  if kind == "web" then
    -- wrk looks at every answer's headers once there is such a function, so the other doors do without.
    function response(status, fields, text)
      if not text:find("grpc%-status: ?0") then
        bad = bad + 1
      end
    end
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  for _, thread in ipairs(threads) do
    failed = failed + thread:get("bad")
  end
  io.write(string.format(
    '\n{"calls": %d, "microseconds": %d, "p50": %.1f, "p99": %.1f, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed
  ))
end
