-- The job of one item: export the audio, wait for the helper, check the result. One step in each tick of REAPER.
return function(reaper, lib)
  local M = {}

  local SILENCE = 30 -- seconds without a sign of life; the helper sends one each second
  local LONGEST_TICK = 1 -- seconds; a longer pause (the computer slept, a dialog was open) is not silence
  local FAREWELL = 5 -- seconds to wait for a cancelled helper
  local EXPORTED, EXTRACTED = 0.1, 0.95 -- progress of the whole job after each step
  local FEWEST_BARS = 4
  local SHORTEST_BEAT = 32 -- a 32nd note is the daemon's limit; REAPER has shorter ones

  local function request_of(item, bars, options, input, folder)
    return {
      v = 1, path = input, out = folder, bars_frames = bars.frames, beats_per_bar = bars.beats,
      beat_unit = bars.unit <= SHORTEST_BEAT and bars.unit or nil, rate = item.rate,
      loops = options.loops, method = options.method, max_loop_bars = options.max_loop_bars,
      host = { name = "REAPER", version = reaper.GetAppVersion(), item = item.name },
    }
  end

  -- Raises an error unless all files of the result exist and the result fits the item.
  local function check(result, frames, item)
    local paths = { result.rest }
    for _, loop in ipairs(result.loops) do
      table.insert(paths, loop.stem)
      table.insert(paths, loop.loop)
    end
    for _, path in ipairs(paths) do
      if not reaper.file_exists(path) then error({ told = path .. ": is missing from the result; try again" }) end
    end
    if result.frames ~= frames or result.rate ~= item.rate then
      error({ told = ("the result has %d frames at %d Hz, the item %d at %d; try again"):format(
        result.frames, result.rate, frames, item.rate) })
    end
  end

  -- The bars of an item, and everything that its export and its job need.
  local function prepare(proj, item)
    local bars = lib.tempo.bars(proj, item.position, item.length, item.rate)
    if #bars.frames <= FEWEST_BARS then
      local rule = "%s: %d whole bars by the project's tempo; at least %d are needed"
      error({ told = rule:format(item.name, math.max(0, #bars.frames - 1), FEWEST_BARS) })
    end
    local found = lib.item.find(proj, item.guid)
    local take = found and reaper.GetActiveTake(found)
    if not take then error({ told = item.name .. ": gone from the project" }) end
    local id = reaper.genGuid(""):gsub("[^%x]", ""):sub(1, 8):lower()
    local name = lib.files.safe_name(item.name)
    local folder = ("%s/loopcube/%s %s"):format(reaper.GetProjectPathEx(proj):gsub("[/\\]+$", ""), name, id)
    local input = ("%s/%s.wav"):format(folder, name)
    lib.files.make_folder(folder)
    return bars, id, folder, input, lib.export.start(take, item, input)
  end

  -- A job. `step(seconds)` continues it. `state` is "export", "wait", "cancelling", and in the end "done", "failed" or
  -- "cancelled". `fraction` and `stage` are its progress, `problem` is the reason of a failure, `result` its result.
  function M.start(proj, item, options, spool)
    local job = { item = item, state = "export", stage = "reading the item", fraction = 0 }
    local bars, id, folder, input, export = prepare(proj, item)
    job.bars = bars
    local helper, answered
    local silence, farewell = 0, 0

    local function finish(state, problem)
      job.state, job.problem = state, problem
      export.close()
      os.remove(input)
      os.remove(folder) -- works only if the folder is empty
      if helper and state ~= "done" then lib.log.add(("%s: %s %s"):format(item.name, state, problem or "")) end
    end

    local function step_export()
      job.fraction = EXPORTED * export.step()
      if job.fraction < EXPORTED then return end
      job.state, job.stage = "wait", "waiting for loopcube"
      helper = lib.transport.start(("%s/%s"):format(spool, id), request_of(item, bars, options, input, folder))
    end

    local function accept(result)
      answered = true
      if result.state == "done" then
        check(result, export.frames, item)
        job.result, job.fraction = result, EXTRACTED
      end
      finish(result.state, result.text)
    end

    local function step_wait(seconds)
      silence = silence + math.min(seconds, LONGEST_TICK)
      for _, event in ipairs(helper.events()) do
        silence = 0
        if event.progress then job.fraction = EXPORTED + (EXTRACTED - EXPORTED) * event.progress end
        job.stage = event.stage or job.stage
      end
      local result = helper.result()
      if result then
        accept(result)
      elseif job.state == "cancelling" then
        farewell = farewell + seconds
        if farewell > FAREWELL then finish("cancelled") end
      elseif silence > SILENCE then
        helper.cancel()
        error({ told = ("no sign of life from loopcube for %d seconds; see %s"):format(SILENCE, lib.log.path) })
      end
    end

    function job.step(seconds)
      local step = job.state == "export" and step_export or step_wait
      local fine, problem = xpcall(step, lib.problem, seconds)
      if not fine then finish("failed", problem) end
    end

    function job.cancel()
      if job.state == "export" then
        finish("cancelled")
      elseif job.state == "wait" then
        helper.cancel()
        job.state, job.stage = "cancelling", "cancelling"
      end
    end

    -- Ends the job at once. Does nothing if the job has ended.
    function job.abandon()
      if job.ended() then return end
      if helper then helper.cancel() end
      finish("cancelled")
    end

    function job.open_report() helper.open_report() end

    -- Removes the job's files, unless its helper still runs or the job has failed, because they may show the cause.
    function job.forget()
      if answered and job.state ~= "failed" then helper.forget() end
    end

    function job.ended() return job.state == "done" or job.state == "failed" or job.state == "cancelled" end

    return job
  end

  -- A job that could not be started.
  function M.failed(item, problem)
    local function nothing() end
    return {
      item = item, state = "failed", stage = "", fraction = 0, problem = problem,
      ended = function() return true end, forget = nothing, cancel = nothing, abandon = nothing,
    }
  end

  return M
end
