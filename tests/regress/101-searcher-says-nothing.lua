-- SPDX-License-Identifier: MIT
--
-- The searcher of neap's own modules had something to say about those that it
-- does not have: require's message was no longer Lua's.

local path, cpath = package.path, package.cpath
package.path, package.cpath = "?.lua", "?.so"
local _, message = pcall(require, "nosuch")
package.path, package.cpath = path, cpath
assert(message == [[
module 'nosuch' not found:
	no field package.preload['nosuch']
	no file 'nosuch.lua'
	no file 'nosuch.so']])
