-- JSON to Lua values and back. Numbers without a fraction stay integers; null is nil; an empty table is an object.
local M = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local UNESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
local WORDS = { { "true", true }, { "false", false }, { "null", nil } }

local function quoted(text)
  local escaped = text:gsub('[%c"\\\127]', function(char)
    return ESCAPES[char] or ("\\u%04x"):format(char:byte())
  end)
  return '"' .. escaped .. '"'
end

local function number(value)
  if math.type(value) == "integer" then return ("%d"):format(value) end
  if value ~= value or value == math.huge or value == -math.huge then error("JSON has no such number") end
  return (("%.17g"):format(value):gsub(",", ".")) -- some locales write a comma
end

local encode

local function array(values)
  local parts = {}
  for i, value in ipairs(values) do parts[i] = encode(value) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function object(values)
  local parts = {}
  for key, value in pairs(values) do parts[#parts + 1] = quoted(key) .. ":" .. encode(value) end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "number" then return number(value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "table" then error("JSON has no " .. kind) end
  return #value > 0 and array(value) or object(value)
end

-- The text of a value, on one line.
M.encode = encode

local parse

local function fail(text, at, wanted)
  error(("no JSON: %s wanted at byte %d of %d"):format(wanted, at, #text), 0)
end

local function skip(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

local function unicode(text, at)
  local code = tonumber(text:match("^%x%x%x%x", at) or fail(text, at, "four hex digits"), 16)
  if code < 0xD800 or code > 0xDBFF then return code, at + 4 end
  local low = tonumber(text:match("^\\u(%x%x%x%x)", at + 4) or fail(text, at, "a second surrogate"), 16)
  return 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00), at + 10
end

local function parse_string(text, at)
  local parts = {}
  while true do
    local stop = text:find('["\\]', at) or fail(text, #text, "a closing quote")
    parts[#parts + 1] = text:sub(at, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local letter = text:sub(stop + 1, stop + 1)
    at = stop + 2
    if letter == "u" then
      local code
      code, at = unicode(text, at)
      parts[#parts + 1] = utf8.char(code)
    else
      parts[#parts + 1] = UNESCAPES[letter] or fail(text, stop, "an escape")
    end
  end
end

-- The elements between an opening and a closing bracket, each read by `read(at) -> at`.
local function parse_list(text, at, close, read)
  at = skip(text, at)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = skip(text, read(at))
    local char = text:sub(at, at)
    if char == close then return at + 1 end
    if char ~= "," then fail(text, at, "a comma or " .. close) end
    at = at + 1
  end
end

local function parse_array(text, at)
  local values, count = {}, 0
  at = parse_list(text, at, "]", function(from)
    local value, after = parse(text, from)
    count = count + 1
    values[count] = value
    return after
  end)
  return values, at
end

local function parse_object(text, at)
  local values = {}
  at = parse_list(text, at, "}", function(from)
    from = skip(text, from)
    if text:sub(from, from) ~= '"' then fail(text, from, "a key") end
    local key, after = parse_string(text, from + 1)
    after = skip(text, after)
    if text:sub(after, after) ~= ":" then fail(text, after, "a colon") end
    values[key], after = parse(text, after + 1)
    return after
  end)
  return values, at
end

local function parse_word(text, at)
  for _, word in ipairs(WORDS) do
    if text:sub(at, at + #word[1] - 1) == word[1] then return word[2], at + #word[1] end
  end
  local digits = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  local value = digits and tonumber(digits)
  if not value then fail(text, at, "a value") end
  return value, at + #digits
end

local OPENERS = { ['"'] = parse_string, ["["] = parse_array, ["{"] = parse_object }

function parse(text, at)
  at = skip(text, at)
  local opener = OPENERS[text:sub(at, at)]
  if opener then return opener(text, at + 1) end
  return parse_word(text, at)
end

-- The value of a text; nil and a reason if it is not JSON.
function M.decode(text)
  local fine, value, after = pcall(parse, text, 1)
  if not fine then return nil, value end
  if skip(text, after) <= #text then return nil, "no JSON: more after its end" end
  return value
end

return M
