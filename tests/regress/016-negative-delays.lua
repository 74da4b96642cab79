-- SPDX-License-Identifier: MIT
--
-- Callbacks with negative delays were called in the order of their making, not
-- of their deadlines (asyncio: the earliest first).

local neap = require "neap"

local list = {}
neap.call_later(-1, table.insert, list, "a")
neap.call_later(-2, table.insert, list, "b")
neap.sleep(0.001)
assert(table.concat(list) == "ba")
