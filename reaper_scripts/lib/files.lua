-- Files and folders: whole texts, and names that every file system takes. Paths are UTF-8, joined by slashes.
return function(reaper)
  local M = {}

  local LONGEST = 60 -- bytes of a name, so that a deep project folder still leaves room below it

  -- The text of a file; nil and why not.
  function M.read(path)
    local file, reason = io.open(path, "rb")
    if not file then return nil, reason end
    local text = file:read("a")
    file:close()
    return text
  end

  -- Write a file whole; true, or nil and why not.
  function M.write(path, text)
    local file, reason = io.open(path, "wb")
    if not file then return nil, reason end
    local written, problem = file:write(text)
    local closed, later = file:close() -- what the disk had no room for may only show here
    if written and closed then return true end
    return nil, problem or later
  end

  -- Make a folder and those above it; an error when it cannot be.
  function M.make_folder(path)
    reaper.RecursiveCreateDirectory(path, 0)
    local probe = path .. "/.loopcube"
    local fine, reason = M.write(probe, "")
    if not fine then error({ told = ("%s: cannot be written to (%s)"):format(path, reason) }) end
    os.remove(probe)
  end

  -- A file name from whatever an item is called.
  function M.safe_name(text)
    local name = text:gsub("[^%w%-_ \128-\255]", "-"):gsub("%-+", "-"):sub(1, LONGEST)
    while name ~= "" and not utf8.len(name) do name = name:sub(1, -2) end -- a letter that was cut in two
    name = name:gsub("^[ %-]+", ""):gsub("[ %-]+$", "")
    return name ~= "" and name or "item"
  end

  -- The last part of a path, without its ending.
  function M.stem(path)
    local name = path:match("([^/\\]*)$")
    return (name:gsub("%.[^.]*$", ""))
  end

  return M
end
