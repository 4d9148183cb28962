-- The connection to the daemon: a helper process, started for each job, and files in the job's folder.
--
--     request.json   the request; written here
--     events.txt     one JSON object a line, at least one a second while the helper runs; written by the helper
--     result.json    the outcome, written completely or not at all; written by the helper
--     cancel         when this file exists, the helper cancels the job; written here
return function(reaper, json, files, config_path)
  local M = {}

  local IN_BACKGROUND = -2 -- do not wait, and do not open a window
  local FILES = { "request.json", "events.txt", "result.json", "cancel", "helper.log" }

  M.how_to_install = "Install loopcube, then run in a terminal:  loopcube install reaper"

  -- The file that `loopcube install reaper` wrote, with the helper's `command`. Without it: nil and what to do.
  function M.config()
    local text = files.read(config_path)
    if not text then return nil, "loopcube is not set up on this computer. " .. M.how_to_install end
    local config = json.decode(text)
    if type(config) ~= "table" or type(config.command) ~= "table" then
      return nil, config_path .. " is damaged. " .. M.how_to_install
    end
    return config
  end

  local function quoted(words)
    local parts = {}
    for i, word in ipairs(words) do
      if word:find('["\r\n]') then error({ told = word .. ": a quote in this path; REAPER cannot start it" }) end
      parts[i] = '"' .. word .. '"'
    end
    return table.concat(parts, " ")
  end

  local function launch(command, ...)
    local words = table.move(command, 1, #command, 1, {})
    for _, word in ipairs({ ... }) do words[#words + 1] = word end
    if not reaper.ExecProcess(quoted(words), IN_BACKGROUND) then
      error({ told = command[1] .. ": could not be started. " .. M.how_to_install })
    end
  end

  -- A job in a new folder. `events()` returns the events since the last call, `result()` is nil until the job ends.
  function M.start(folder, request)
    local config, problem = M.config()
    if not config then error({ told = problem }) end
    files.make_folder(folder)
    local written, reason = files.write(folder .. "/request.json", json.encode(request))
    if not written then error({ told = ("%s: cannot be written (%s)"):format(folder, reason) }) end
    launch(config.command, folder)
    local job, read = {}, 0

    function job.events()
      local file = io.open(folder .. "/events.txt", "rb")
      if not file then return {} end
      file:seek("set", read)
      local text = file:read("a")
      file:close()
      local found = {}
      for line in text:gmatch("([^\n]*)\n") do -- an incomplete line is read by a later call
        read = read + #line + 1
        found[#found + 1] = json.decode(line) or {}
      end
      return found
    end

    function job.result()
      if not reaper.file_exists(folder .. "/result.json") then return nil end
      local found, reason = json.decode(files.read(folder .. "/result.json") or "")
      return found or { state = "failed", text = "the result cannot be read: " .. reason }
    end

    function job.cancel() files.write(folder .. "/cancel", "") end

    function job.open_report() launch(config.command, "--open", folder) end

    function job.forget()
      for _, name in ipairs(FILES) do os.remove(folder .. "/" .. name) end
      os.remove(folder)
    end

    return job
  end

  return M
end
