-- A log file of limited size. Each line also goes to REAPER's console, without opening it.
return function(reaper, path)
  local M = { path = path }

  local LARGEST = 256 * 1024 -- bytes

  local function rotate()
    local file = io.open(path, "rb")
    if not file then return end
    local size = file:seek("end")
    file:close()
    if size > LARGEST then
      os.remove(path .. ".old")
      os.rename(path, path .. ".old")
    end
  end

  -- Adds a line. If the log cannot be written, the work goes on.
  function M.add(text)
    rotate()
    local file = io.open(path, "ab")
    if file then
      file:write(os.date("%Y-%m-%d %H:%M:%S "), text, "\n")
      file:close()
    end
    pcall(reaper.ShowConsoleMsg, "!SHOW:loopcube: " .. text .. "\n")
  end

  return M
end
