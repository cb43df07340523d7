// What scripts find besides Lua 5.4's own libraries: the names and habits of LuaJIT (5.1 with some of 5.2) that Envoy's
// scripts are written for. It is Lua, runs once per machine, and gets the table of functions made in TypeScript.

import { PRELUDE_PATTERNS } from './prelude-patterns.ts'

/** Names that are gone or that LuaJIT has not; what could stop the limits from holding is not offered. */
export const PRELUDE = `
local host = ...
local type, select, error, pcall, rawget, next = type, select, error, pcall, rawget, next
local tonumber, tostring, setmetatable, load = tonumber, tostring, setmetatable, load
local floor, unpack, format, rep, char = math.floor, table.unpack, string.format, string.rep, string.char
local gmatch, find = string.gmatch, string.find
local yield = coroutine.yield
local getinfo, getupvalue, setupvalue, upvaluejoin = debug.getinfo, debug.getupvalue, debug.setupvalue, debug.upvaluejoin

-- Numbers are doubles; where a whole one is wanted, a fraction is dropped.
local function whole(n)
  if type(n) == 'number' and n == n and n ~= floor(n) then return n < 0 and -floor(-n) or floor(n) end
  return n
end

_G.tonumber = function(value, base)
  if base == nil then
    local n = tonumber(value)
    return n and n + 0.0
  end
  local n = tonumber(value, whole(base))
  return n and n + 0.0
end

_G.unpack = unpack
_G.loadstring = function(text, name) return load(host.prepareSource(text), name or text, 't') end
_G.load = function(text, name, _, env)
  if type(text) == 'function' then
    local parts = {}
    for part in text do
      if part == '' then break end
      parts[#parts + 1] = part
    end
    text = table.concat(parts)
  end
  text = host.prepareSource(text)
  if env ~= nil then return load(text, name or text, 't', env) end
  return load(text, name or text, 't')
end
_G.dofile, _G.loadfile, _G.warn = nil, nil, nil
_G.gcinfo = function() return collectgarbage('count') end
_G.print = function(...)
  local parts = {}
  for i = 1, select('#', ...) do parts[i] = tostring((select(i, ...))) end
  host.print(table.concat(parts, '\\t'))
end

-- A finalizer would run outside of every limit.
_G.setmetatable = function(value, meta)
  if type(meta) == 'table' and rawget(meta, '__gc') ~= nil then error('__gc is not available', 2) end
  return setmetatable(value, meta)
end

local function functionAt(f)
  if type(f) == 'function' then return f end
  return getinfo((f or 1) + 2, 'f').func
end
local function envSlot(f)
  for i = 1, 255 do
    local name = getupvalue(f, i)
    if name == '_ENV' then return i end
    if name == nil then return nil end
  end
end
_G.getfenv = function(f)
  if f == 0 then return _G end
  f = functionAt(f)
  local slot = envSlot(f)
  if slot == nil then return _G end
  local _, env = getupvalue(f, slot)
  return env
end
_G.setfenv = function(f, env)
  f = functionAt(f)
  local slot = envSlot(f)
  if slot ~= nil then
    upvaluejoin(f, slot, function() return env end, 1)
  end
  return f
end

math.pow = function(x, y) return x ^ y end
math.log10 = function(x) return math.log(x, 10) end
math.ldexp = function(m, e) return m * 2.0 ^ e end
math.cosh = function(x) return (math.exp(x) + math.exp(-x)) / 2 end
math.sinh = function(x) return (math.exp(x) - math.exp(-x)) / 2 end
math.tanh = function(x) local a, b = math.exp(x), math.exp(-x) return a == b and 0.0 or (a - b) / (a + b) end
math.mod = math.fmod

table.getn = function(t) return #t end
table.maxn = function(t)
  local max = 0
  for k in next, t do
    if type(k) == 'number' and k > max then max = k end
  end
  return max
end
table.foreach = function(t, f)
  for k, v in pairs(t) do
    local r = f(k, v)
    if r ~= nil then return r end
  end
end
table.foreachi = function(t, f)
  for i = 1, #t do
    local r = f(i, t[i])
    if r ~= nil then return r end
  end
end
table.move = nil

-- Without these the largest string would be found by trying, or the loop over nothing would not end.
string.rep = function(s, n, separator)
  n = whole(n)
  if type(n) == 'number' and n > 0 and #s + #(separator or '') == 0 then return '' end
  return rep(s, n, separator)
end
string.char = function(...)
  local ok, made = pcall(char, ...)
  if ok then return made end
  local codes = {...}
  for i = 1, #codes do codes[i] = whole(codes[i]) end
  return char(unpack(codes))
end
string.format = function(text, ...)
  local ok, made = pcall(format, text, ...)
  if ok then return made end
  local values, at = {...}, 0
  for directive in gmatch(text, '%%[-+ #0-9.]*(.)') do
    if directive ~= '%' then
      at = at + 1
      if find('diouxXc', directive, 1, true) then values[at] = whole(tonumber(values[at]) or values[at]) end
    end
  end
  return format(text, unpack(values, 1, select('#', ...)))
end
string.pack, string.unpack, string.packsize, string.dump = nil, nil, nil, nil

${PRELUDE_PATTERNS}
local function bits(n)
  n = tonumber(n)
  if n ~= n or n - n ~= 0 then return 0 end
  return floor(n % 4294967296.0) | 0
end
local function signed(n)
  n = n & 0xffffffff
  return (n >= 0x80000000 and n - 0x100000000 or n) + 0.0
end
bit = {
  tobit = function(n) return signed(bits(n)) end,
  bnot = function(n) return signed(~bits(n)) end,
  band = function(n, ...)
    n = bits(n)
    for i = 1, select('#', ...) do n = n & bits((select(i, ...))) end
    return signed(n)
  end,
  bor = function(n, ...)
    n = bits(n)
    for i = 1, select('#', ...) do n = n | bits((select(i, ...))) end
    return signed(n)
  end,
  bxor = function(n, ...)
    n = bits(n)
    for i = 1, select('#', ...) do n = n ~ bits((select(i, ...))) end
    return signed(n)
  end,
  lshift = function(n, by) return signed(bits(n) << (bits(by) & 31)) end,
  rshift = function(n, by) return signed(bits(n) >> (bits(by) & 31)) end,
  arshift = function(n, by)
    n, by = bits(n), bits(by) & 31
    if n >= 0x80000000 then n = n | ~0xffffffff end
    return signed(n // (1 << by))
  end,
  rol = function(n, by) n, by = bits(n), bits(by) & 31 return signed(n << by | n >> (32 - by)) end,
  ror = function(n, by) n, by = bits(n), bits(by) & 31 return signed(n >> by | n << (32 - by)) end,
  bswap = function(n)
    n = bits(n)
    return signed(n >> 24 | (n >> 8 & 0xff00) | (n << 8 & 0xff0000) | n << 24)
  end,
  tohex = function(n, digits)
    digits = whole(digits or 8)
    local text = format(digits < 0 and '%08X' or '%08x', bits(n))
    local length = digits < 0 and -digits or digits
    return text:sub(-length)
  end,
}

os = {
  time = function(t) return host.time(t) end,
  date = function(text, time) return host.date(text or '%c', time) end,
  clock = function() return host.clock() end,
  difftime = function(a, b) return a - (b or 0) end,
  getenv = function(name) return host.getenv(name) end,
}
debug = { traceback = debug.traceback, getinfo = debug.getinfo }
package = { loaded = { _G = _G, string = string, table = table, math = math, coroutine = coroutine, os = os, bit = bit },
  preload = {}, path = host.modulePath(), cpath = '' }
function require(name)
  local loaded = package.loaded[name]
  if loaded ~= nil then return loaded end
  local loader = package.preload[name]
  if loader == nil then
    local source, file = host.readModule(name, package.path)
    if source == nil then error("module '" .. tostring(name) .. "' not found in " .. tostring(package.path), 2) end
    local problem
    loader, problem = load(source, '@' .. file, 't')
    if loader == nil then error(problem, 2) end
  end
  local made = loader(name)
  if package.loaded[name] == nil then package.loaded[name] = made == nil or made end
  return package.loaded[name]
end
coroutine.close = nil

_VERSION = 'Lua 5.1'
EnvoyTimestampResolution = { MILLISECOND = 0.0, MICROSECOND = 1.0 }

-- Calls that wait: the function says first whether there is something to wait for.
local handle = host.classes[1].__index
local function waits(begin)
  return function(...)
    local waiting, a, b = begin(...)
    if waiting then return yield() end
    return a, b
  end
end
for _, name in ipairs({ 'body', 'trailers', 'httpCall', 'respond' }) do handle[name] = waits(handle[name]) end
local nextChunk = waits(host.nextChunk)
local beginChunks = handle.bodyChunks
handle.bodyChunks = function(self)
  beginChunks(self)
  return function() return nextChunk(self) end
end

for _, class in ipairs(host.classes) do
  local begin, step = class.__index.__pairs, class.__index.__next
  if begin ~= nil then
    class.__pairs = function(self)
      begin(self)
      return step, self, nil
    end
  end
  local entries = class.__index.__entries
  if entries ~= nil then
    class.__pairs = function(self) return next, entries(self), nil end
  end
  -- Every object can write to the log.
  for _, name in ipairs({ 'Trace', 'Debug', 'Info', 'Warn', 'Err', 'Critical' }) do
    class.__index['log' .. name] = host['log' .. name]
  end
  class.__name = nil
  class.__metatable = false
end
`
