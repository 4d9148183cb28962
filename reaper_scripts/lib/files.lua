-- Files and folders: reading and writing texts, and names that every file system accepts. Paths are UTF-8, joined by
-- slashes.
return function(reaper)
  local M = {}

  local LONGEST = 60 -- bytes of a name, so that paths below a deep project folder do not get too long

  -- The text of a file; nil and the reason if it cannot be read.
  function M.read(path)
    local file, reason = io.open(path, "rb")
    if not file then return nil, reason end
    local text = file:read("a")
    file:close()
    return text
  end

  -- Writes a file. Returns true, or nil and the reason.
  function M.write(path, text)
    local file, reason = io.open(path, "wb")
    if not file then return nil, reason end
    local written, problem = file:write(text)
    local closed, later = file:close() -- a full disk may cause an error only here
    if written and closed then return true end
    return nil, problem or later
  end

  -- Makes a folder and the folders above it. Raises an error on failure.
  function M.make_folder(path)
    reaper.RecursiveCreateDirectory(path, 0)
    local probe = path .. "/.loopcube"
    local fine, reason = M.write(probe, "")
    if not fine then error({ told = ("%s: cannot be written to (%s)"):format(path, reason) }) end
    os.remove(probe)
  end

  -- A file name from the name of an item.
  function M.safe_name(text)
    local name = text:gsub("[^%w%-_ \128-\255]", "-"):gsub("%-+", "-"):sub(1, LONGEST)
    while name ~= "" and not utf8.len(name) do name = name:sub(1, -2) end -- removes a character that was cut in two
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
