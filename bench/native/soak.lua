-- Requests of all kinds in turn, so that none has the server for itself.
local paths = { "/", "/static", "/block", "/stream", "/files/1k.txt", "/static?query", "/files/100k.txt" }
local turn = 0

request = function()
  turn = turn % #paths + 1
  return wrk.format("GET", paths[turn])
end
