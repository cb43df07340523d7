// Patterns whose match could take for ever go the way that counts steps; all others, the fast one.
export const PRELUDE_PATTERNS = `
do
  local find, match, gsub, gmatch, sub = string.find, string.match, string.gsub, string.gmatch, string.sub
  local concat = table.concat
  local findPattern, findAllPatterns = host.findPattern, host.findAllPatterns
  local repeats, known = {}, 0

  -- A text of n bytes and a pattern of r repetitions take at most about n to the power of r + 1 steps.
  local function mayTakeLong(text, pattern)
    if type(pattern) ~= 'string' or type(text) ~= 'string' then return false end
    local r = repeats[pattern]
    if r == nil then
      r = 0
      for _ in gmatch(pattern, '[*+?-]') do r = r + 1 end
      for _ in gmatch(pattern, '%%b') do r = r + 1 end
      if known == 256 then repeats, known = {}, 0 end
      repeats[pattern], known = r, known + 1
    end
    return r > 1 and (#text + 1.0) ^ (r + 1) > 2e6
  end

  local function withoutPlace(first, last, ...) return ... end

  string.find = function(text, pattern, init, plain)
    if plain or not mayTakeLong(text, pattern) then return find(text, pattern, init, plain) end
    return findPattern(text, pattern, init or 1, false)
  end
  string.match = function(text, pattern, init)
    if not mayTakeLong(text, pattern) then return match(text, pattern, init) end
    return withoutPlace(findPattern(text, pattern, init or 1, true))
  end
  string.gmatch = function(text, pattern)
    if not mayTakeLong(text, pattern) then return gmatch(text, pattern) end
    local all, at = findAllPatterns(text, pattern, math.huge, false), 0
    return function()
      at = at + 1
      local found = all[at]
      if found ~= nil then return unpack(found, 3) end
    end
  end
  string.gfind = string.gmatch

  local function replaced(found, whole, with)
    local kind = type(with)
    local value
    if kind == 'function' then value = with(unpack(found, 3))
    elseif kind == 'table' then value = with[found[3]]
    else
      value = gsub(with, '%%(.)', function(digit)
        if digit == '0' then return whole end
        local index = tonumber(digit)
        if index == nil then return digit end
        local capture = found[index + 2]
        if capture == nil then error('invalid capture index %' .. digit .. ' in replacement string', 0) end
        return capture
      end)
    end
    if value == nil or value == false then return whole end
    if type(value) ~= 'string' and type(value) ~= 'number' then
      error('invalid replacement value (a ' .. type(value) .. ')', 0)
    end
    return value
  end
  string.gsub = function(text, pattern, with, most)
    if not mayTakeLong(text, pattern) then return gsub(text, pattern, with, most) end
    local all = findAllPatterns(text, pattern, most or math.huge, true)
    local parts, behind = {}, 1
    for i = 1, #all do
      local found = all[i]
      local first, last = found[1], found[2]
      parts[#parts + 1] = sub(text, behind, first - 1)
      parts[#parts + 1] = replaced(found, sub(text, first, last), with)
      behind = last + 1
    end
    parts[#parts + 1] = sub(text, behind)
    return concat(parts), #all
  end
end
`
