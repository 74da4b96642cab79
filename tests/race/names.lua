-- SPDX-License-Identifier: MIT
--
-- Every lock and atomic operation of core/ and bindings/ has its pauses: each
-- name is defined in jitter.h, or is one of those where nothing can race.

local calm = {
  atomic_init = true,           -- nobody else knows it yet
  pthread_mutex_init = true, pthread_cond_init = true,
  pthread_mutex_destroy = true, pthread_cond_destroy = true,
  pthread_self = true, pthread_equal = true, pthread_sigmask = true,
  pthread_create = true, pthread_detach = true,
}

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

local paused = {}
for name in read("tests/race/jitter.h"):gmatch("#define ([%w_]+)%(") do
  paused[name] = true
end

local function check(name, path)
  if paused[name] then return 1 end
  assert(calm[name], path .. ": " .. name .. " is not in tests/race/jitter.h")
  return 0
end

local places = 0
local files <close> = assert(io.popen("ls core/*.[ch] bindings/*.[ch]"))
for path in files:lines() do
  local text = read(path):gsub("//[^\n]*", "")
  for name in text:gmatch("%f[%w_](atomic_[%w_]+)%s*%(") do
    places = places + check(name, path)
  end
  for name in text:gmatch("%f[%w_](pthread_[%w_]+)%s*%(") do
    places = places + check(name, path)
  end
end
assert(places > 0)
print(places .. " locks and atomics")
