-- WAV files of 32-bit floats, written in parts.
local M = {}

local FLOAT = 3 -- WAVE_FORMAT_IEEE_FLOAT
local HEADER = 48 -- bytes before the samples that are part of RIFF's size
local LARGEST = 0xFFFFFFFF - HEADER -- the most bytes of samples, because RIFF's size has 32 bits
local AT_ONCE = 128 -- values for one string.pack, which is many times faster than one value at a time
local FORMAT = "<" .. ("f"):rep(AT_ONCE)

local function header(frames, rate, channels)
  local size, frame = frames * channels * 4, channels * 4
  return "RIFF" .. ("<I4"):pack(HEADER + size)
    .. "WAVEfmt " .. ("<I4I2I2I4I4I2I2"):pack(16, FLOAT, channels, rate, rate * frame, frame, 32)
    .. "fact" .. ("<I4I4"):pack(4, frames)
    .. "data" .. ("<I4"):pack(size)
end

local function packed(values, count)
  local parts, whole = {}, count - count % AT_ONCE
  for i = 1, whole, AT_ONCE do
    parts[#parts + 1] = FORMAT:pack(table.unpack(values, i, i + AT_ONCE - 1))
  end
  if count > whole then
    parts[#parts + 1] = ("<" .. ("f"):rep(count - whole)):pack(table.unpack(values, whole + 1, count))
  end
  return table.concat(parts)
end

local function refuse(path, reason) error({ told = ("%s: cannot be written (%s)"):format(path, reason) }) end

-- A writer for a given number of frames. `write(values, count)` appends interleaved samples, `close()` ends the file.
-- A failed write, for example on a full disk, raises an error.
function M.create(path, frames, rate, channels)
  if frames * channels * 4 > LARGEST then refuse(path, "longer than WAV can be; choose a shorter item") end
  local file, reason = io.open(path, "wb")
  if not file then refuse(path, reason) end

  local function check(fine, problem)
    if not fine then refuse(path, problem) end
  end

  check(file:write(header(frames, rate, channels)))
  return {
    write = function(values, count) check(file:write(packed(values, count))) end,
    close = function()
      local open
      open, file = file, nil
      if open then check(open:close()) end
    end,
  }
end

return M
