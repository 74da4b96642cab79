-- SPDX-License-Identifier: MIT
--
-- Measures the sources against the house's numbers and rules:
--
--     lua5.4 tests/style.lua        in the project's root
--
-- Prints the figures of each layer, then each breach as
-- `file:line: what (limit, found)`, and fails if there is one.
--
-- It reads C as the house writes it: a definition starts in column 0, its
-- brace opens at the end of a line, and a `}` in column 0 closes it. How things
-- are counted is how the models were measured: a function from its first line
-- to its closing brace; a comment line has nothing but comment; nesting is the
-- depth of braces, the function's own included.

local limits = {
    -- a function
    ["function lines"] = {most = 60},
    parameters = {most = 4},
    nesting = {most = 3},
    -- a file
    ["file lines"] = {most = 500},
    columns = {most = 80},
    -- a layer
    ["median of function lines"] = {most = 12},
    ["90 % of function lines"] = {most = 30},
    ["median of file lines"] = {most = 200},
    ["per cent of comment"] = {least = 15, most = 25},  -- empty lines left out
    ["#if per 1,000 lines"] = {most = 3},               -- guards left out
    ["asserts per function"] = {least = 0.5, only = "core"},
    ["lines in all"] = {most = 2500, only = "core"},
}

-- Where a number stands in the way of clarity it is raised here, on one line:
-- ["core/file.c:function"] (or a file, or "core/") = {nesting = {most = 4}},
-- and the reason.
local exceptions = {
    -- realloc for arrays: what, from how many, to how many, how large each is
    ["core/alloc.c:neap_alloc_array"] = {parameters = {most = 5}},
    -- one generator of programs; its steps share the state of the program
    ["tests/fuzz/api.lua"] = {["file lines"] = {most = 990}},
}

-- Whose headers a layer may include, and how the functions it shows start.
local layers = {
    {
        name = "core",
        includes = "system core",
        prefixes = {"neap_"},
    }, {
        name = "bindings",
        includes = "system lua core neap bindings",
        prefixes = {"neap_", "neapL_", "luaopen_"},
    }, {
        name = "repl",
        includes = "system lua edit neap repl",
        prefixes = {""},
    },
}

-- Who provides a header that is not of the system or of a layer.
local providers = {
    ["lua.h"] = "lua", ["lauxlib.h"] = "lua", ["lualib.h"] = "lua",
    ["histedit.h"] = "edit", ["editline/readline.h"] = "edit",
    ["neap.h"] = "neap", ["bindings/neap.h"] = "neap",
}

local breaches = {}

local function breach(where, what, limit, found)
    if math.type(found) == "float" then found = ("%.2f"):format(found) end
    breaches[#breaches + 1] =
        ("%s: %s (%s, %s)"):format(where, what, limit, found)
end

-- Holds a number against its limit, which may be raised for the place.
local function check(place, name, found, line)
    local limit = exceptions[place] and exceptions[place][name] or limits[name]
    local where = line and place:match "^[^:]*" .. ":" .. line or place
    if limit.most and found > limit.most then
        breach(where, name, limit.most, found)
    elseif limit.least and found < limit.least then
        breach(where, name, limit.least, found)
    end
end

-- Reading ------------------------------------------------------------------

local function files_of(folder, ...)
    local names = {}
    for _, extension in ipairs {...} do
        names[#names + 1] = ("-name '*.%s'"):format(extension)
    end
    local files = {}
    local find <close> = io.popen(("find %s -type f \\( %s \\) | LC_ALL=C sort")
        :format(folder, table.concat(names, " -o ")))
    for path in find:lines() do files[#files + 1] = path end
    return files
end

local function read(path)
    local file <close> = assert(io.open(path))
    return file:read "a"
end

local function split(text)
    local lines = {}
    for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
    return lines
end

-- Where the comment or literal ends that starts at a `/`, `"` or `'`.
local function end_of(source, start)
    local two = source:sub(start, start + 1)
    if two == "//" then return (source:find("\n", start, true) or 0) - 1 end
    if two == "/*" then return select(2, source:find("*/", start + 2, true)) end
    local quote = two:sub(1, 1)
    if quote == "/" then return end
    local stop = start
    repeat
        stop = source:find("[\\" .. quote .. "]", stop + 1)
        local escape = source:sub(stop, stop) == "\\"
        if escape then stop = stop + 1 end
    until not escape
    return stop
end

-- The code alone: comments and literals become spaces, so that every line and
-- column stays where it is.
local function code_of(source)
    local parts, at = {}, 1
    for start in source:gmatch "()[/\"']" do
        local stop = start >= at and end_of(source, start)
        if stop then
            parts[#parts + 1] = source:sub(at, start - 1)
            parts[#parts + 1] = source:sub(start, stop):gsub("[^\n]", " ")
            at = stop + 1
        end
    end
    return table.concat(parts) .. source:sub(at)
end

local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
end

local function count_parameters(list)
    local inside = list:sub(2, -2):gsub("%b()", "")
    if inside == "" or inside == "void" then return 0 end
    return count(inside, ",") + 1
end

-- How deep code[first..last] gets in braces, and where.
local function nesting_of(code, first, last)
    local depth, deepest, line = 0, 0, first
    for i = first, last do
        depth = depth + count(code[i], "{")
        if depth > deepest then deepest, line = depth, i end
        depth = depth - count(code[i], "}")
    end
    return deepest, line
end

-- The function whose definition starts on code[first]; nil if none does.
local function definition_at(code, first)
    local name = code[first]:match "^[%a_][%w_ *]*[ *]([%a_][%w_]*)%("
    if not name then return end
    local brace = first
    while brace < #code and not code[brace]:find "[{;]" do brace = brace + 1 end
    if not code[brace]:find "^[^;]*{" then return end
    local last = brace
    if not code[brace]:find "}%s*$" then
        repeat last = last + 1 until last == #code or code[last]:find "^}"
    end
    local text = table.concat(code, "\n", first, last)
    local parameters = text:match "%b()"
    return {
        name = name,
        first = first,
        last = last,
        lines = last - first + 1,
        parameters = count_parameters(parameters),
        takes_state = parameters:find "%f[%w]lua_State%f[%W]" ~= nil,
        static = text:find "^static%f[%W]" ~= nil,
        asserts = count(text, "%f[%w_]assert%("),
    }
end

local function functions_of(code)
    local functions, i = {}, 1
    while i <= #code do
        local found = definition_at(code, i)
        functions[#functions + 1] = found
        i = (found and found.last or i) + 1
    end
    return functions
end

-- The rules ----------------------------------------------------------------

local function check_size(path, lines)
    check(path, "file lines", #lines, #lines)
    for i, line in ipairs(lines) do
        check(path, "columns", utf8.len(line) or #line, i)
    end
end

-- A file opens with its licence, then its idea.
local function check_opening(path, lines)
    if lines[1] ~= "// SPDX-License-Identifier: MIT" then
        breach(path .. ":1", "first line", "SPDX", "none")
    end
    if not (lines[2] .. lines[3]):find "^//.*%w" then
        breach(path .. ":2", "opening comment", "its idea", "none")
    end
end

local function provider_of(bracket, header)
    if providers[header] then return providers[header] end
    return bracket == "<" and "system" or header:match "^(%w+)/" or "no layer"
end

local function check_includes(layer, path, lines)
    for i, line in ipairs(lines) do
        local bracket, header = line:match '^%s*#%s*include%s*([<"])([^>"]*)'
        local provider = header and provider_of(bracket, header)
        local pattern = "%f[%w]" .. (provider or "") .. "%f[%W]"
        if provider and not layer.includes:find(pattern) then
            breach(path .. ":" .. i, "include", layer.includes, header)
        end
    end
end

local function check_name(layer, path, fn)
    if fn.static then return end
    for _, prefix in ipairs(layer.prefixes) do
        if fn.name:sub(1, #prefix) == prefix then return end
    end
    breach(path .. ":" .. fn.first, "name of a function",
        table.concat(layer.prefixes, " "), fn.name)
end

-- What takes a lua_State says so by its name.
local function check_border(path, fn)
    if not fn.takes_state or fn.name == "neap_attach" then return end
    if fn.name:find "^neap_" then
        breach(path .. ":" .. fn.first, "takes a lua_State", "neapL_", fn.name)
    end
end

local function check_function(layer, path, code, fn)
    local place = path .. ":" .. fn.name
    local depth, deepest = nesting_of(code, fn.first, fn.last)
    check(place, "function lines", fn.lines, fn.first)
    check(place, "parameters", fn.parameters, fn.first)
    check(place, "nesting", depth, deepest)
    check_name(layer, path, fn)
    check_border(path, fn)
end

-- The figures --------------------------------------------------------------

local function is_conditional(line)
    return line:find "^%s*#%s*if" and not line:find "^#ifndef NEAP_[%w_]*H$"
end

-- Adds the lines of a file to the sums of its layer.
local function count_lines(lines, code, sums)
    for i, line in ipairs(lines) do
        local written, is_code = line:find "%S", code[i]:find "%S"
        if written then sums.written = sums.written + 1 end
        if written and not is_code then sums.comments = sums.comments + 1 end
        if is_conditional(line) then sums.ifs = sums.ifs + 1 end
    end
    sums.files[#sums.files + 1] = #lines
    sums.lines = sums.lines + #lines
end

local function measure_file(layer, path, sums)
    local source = read(path)
    local lines, code = split(source), split(code_of(source))
    check_size(path, lines)
    check_opening(path, lines)
    check_includes(layer, path, lines)
    count_lines(lines, code, sums)
    for _, fn in ipairs(functions_of(code)) do
        check_function(layer, path, code, fn)
        sums.functions[#sums.functions + 1] = fn.lines
        sums.asserts = sums.asserts + fn.asserts
    end
end

-- The value that this share of the values does not exceed.
local function percentile(values, share)
    table.sort(values)
    return values[math.ceil(#values * share)] or 0
end

local function measure_layer(layer)
    local sums = {
        files = {}, functions = {},     -- the lines of each
        lines = 0, written = 0, comments = 0, ifs = 0, asserts = 0,
    }
    for _, path in ipairs(files_of(layer.name, "c", "h")) do
        measure_file(layer, path, sums)
    end
    return sums, {
        ["lines in all"] = sums.lines,
        ["median of file lines"] = percentile(sums.files, 0.5),
        ["median of function lines"] = percentile(sums.functions, 0.5),
        ["90 % of function lines"] = percentile(sums.functions, 0.9),
        ["per cent of comment"] = 100 * sums.comments / sums.written,
        ["#if per 1,000 lines"] = 1000 * sums.ifs / sums.lines,
        ["asserts per function"] = sums.asserts / #sums.functions,
    }
end

local function report(layer, sums, figures)
    print(("%-9s %5d %6d %6d %7d %4d %5d %6.1f %% %4.1f %7.2f"):format(
        layer.name, #sums.files, sums.lines, #sums.functions,
        figures["median of function lines"],
        figures["90 % of function lines"],
        figures["median of file lines"],
        figures["per cent of comment"],
        figures["#if per 1,000 lines"],
        figures["asserts per function"]))
end

-- All of it ----------------------------------------------------------------

print "layer     files  lines  funcs  median  p90  file  comment  #if  assert"
for _, layer in ipairs(layers) do
    local sums, figures = measure_layer(layer)
    report(layer, sums, figures)
    for name, found in pairs(figures) do
        local only = limits[name].only
        if not only or only == layer.name then
            check(layer.name .. "/", name, found)
        end
    end
end

-- Elsewhere size alone is measured; the output that a script carries is data.
local others = files_of("stdlib scripts tests", "lua", "c", "h", "cc")
for _, path in ipairs(others) do
    local source = read(path):gsub("\n%-%-%[=*%[ output:\n.*", "\n")
    check_size(path, split(source))
end

table.sort(breaches)
for _, line in ipairs(breaches) do print(line) end
os.exit(#breaches == 0)
