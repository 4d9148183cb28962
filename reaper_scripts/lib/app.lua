-- The action: selected items, the window, the jobs, and the results on tracks. One step in each tick of REAPER.
return function(here, reaper, gfx)
  local M = {}

  local SECTION, LOCK = "loopcube", "running"
  local STALE = 5 -- seconds after which a lock counts as left by a crash
  local RECORDING = 4
  local OK, OK_CANCEL, NO_CHOICE = 1, 1, 0
  local TITLE = "loopcube"
  local EFFECTS = [[Take FX are left out: %s.

OK goes on without them. To have them in, cancel, apply them to a new take (Item: Apply track/take FX to items), and try
again.]]

  local function use(name) return dofile(here .. "lib/" .. name .. ".lua") end

  local home = reaper.GetResourcePath() .. "/loopcube"
  local lib = { json = use("json"), wav = use("wav"), clips = use("clips"), files = use("files")(reaper) }
  lib.log = use("log")(reaper, home .. "/loopcube.log")
  lib.problem = use("problem")(lib.log)
  lib.item = use("item")(reaper, lib.files)
  lib.tempo = use("tempo")(reaper)
  lib.export = use("export")(reaper, lib.wav)
  lib.transport = use("transport")(reaper, lib.json, lib.files, home .. "/config.json")
  lib.job = use("job")(reaper, lib)
  lib.tracks = use("tracks")(reaper, lib.json)
  lib.place = use("place")(reaper, lib)
  lib.options = use("options")(reaper, lib.json)
  local ui = use("ui")(gfx, use("draw")(gfx), lib.options)

  local view = { page = "options", notes = {}, loops = {} }
  local proj, items, jobs = nil, {}, {}
  local last, left = 0, false

  local function tell(text) reaper.ShowMessageBox(text, TITLE, NO_CHOICE) end

  local function is_running()
    local beat = tonumber(reaper.GetExtState(SECTION, LOCK))
    return beat and math.abs(reaper.time_precise() - beat) < STALE
  end

  local function leave()
    if left then return end
    left = true
    ui.close()
    for _, job in ipairs(jobs) do
      pcall(job.abandon)
      pcall(job.forget)
    end
    reaper.DeleteExtState(SECTION, LOCK, false)
  end

  local function show_items()
    local first = items[1]
    view.title = #items == 1 and first.name or ("%s and %d more"):format(first.name, #items - 1)
    local seconds = 0
    for _, item in ipairs(items) do seconds = seconds + item.length end
    view.subtitle = ("%d:%02d minutes; the bars are those of the project"):format(
      math.floor(seconds / 60), math.floor(seconds % 60))
  end

  local function fail(problem)
    for _, job in ipairs(jobs) do pcall(job.abandon) end
    view.page, view.title, view.subtitle, view.problem = "failed", "That did not work", nil, problem
  end

  local function effects_are_fine()
    local names = {}
    for _, item in ipairs(items) do
      if item.effects then names[#names + 1] = item.name end
    end
    if #names == 0 then return true end
    return reaper.ShowMessageBox(EFFECTS:format(table.concat(names, ", ")), TITLE, OK_CANCEL) == OK
  end

  local function next_job()
    local item = items[#jobs + 1]
    local fine, job = xpcall(lib.job.start, lib.problem, proj, item, view.options, home .. "/jobs")
    if not fine then job = lib.job.failed(item, job) end
    jobs[#jobs + 1] = job
  end

  local function start()
    lib.options.save(view.options)
    if not effects_are_fine() then return end
    view.page, view.fraction, view.stage = "working", 0, "reading the item"
    next_job()
  end

  local function add_notes(job)
    for _, note in ipairs(job.item.notes) do table.insert(view.notes, job.item.name .. ": " .. note) end
    for _, warning in ipairs(job.result.warnings) do table.insert(view.notes, warning) end
  end

  local function show_result(count)
    view.page, view.has_report = "done", true
    table.insert(view.notes, 1, "They are on tracks below the item, which is muted. Undo takes them away again.")
    view.title = ("%d %s found"):format(count, count == 1 and "loop" or "loops")
    if #items == 1 then view.subtitle = items[1].name end
  end

  -- Places all results on tracks, and shows the failures beside them.
  local function place()
    local entries, problems = {}, {}
    for _, job in ipairs(jobs) do
      if job.state == "done" then
        entries[#entries + 1] = { item = job.item, host = job.bars, result = job.result }
        for _, loop in ipairs(job.result.loops) do table.insert(view.loops, loop) end
        add_notes(job)
      else
        problems[#problems + 1] = job.problem
      end
    end
    if #entries == 0 then return fail(table.concat(problems, "   ")) end
    for _, name in ipairs(lib.place.place(proj, entries, view.options)) do
      table.insert(view.notes, name .. ": gone from the project; its files are kept")
    end
    for _, problem in ipairs(problems) do table.insert(view.notes, problem) end
    show_result(#view.loops)
  end

  local function work(seconds)
    if view.placing then return place() end
    local job = jobs[#jobs]
    if not job.ended() then job.step(seconds) end
    view.fraction, view.stage = (#jobs - 1 + job.fraction) / #items, job.stage
    if #items > 1 then view.subtitle = ("item %d of %d: %s"):format(#jobs, #items, job.item.name) end
    if not job.ended() then return end
    if job.state == "cancelled" then return leave() end
    if #jobs < #items then return next_job() end
    view.placing, view.stage = true, "placing loops on tracks" -- shown before the next tick does it
  end

  local deeds = { start = start, close = leave }

  function deeds.cancel()
    view.stopping = true
    jobs[#jobs].cancel()
  end

  function deeds.report()
    for _, job in ipairs(jobs) do
      if job.state == "done" then job.open_report() end
    end
  end

  local function step()
    local now = reaper.time_precise()
    local seconds = now - last
    last = now
    reaper.SetExtState(SECTION, LOCK, tostring(now), false)
    if view.page == "working" then work(seconds) end
    if left then return end
    local deed = ui.draw(view)
    if deeds[deed] then deeds[deed]() end
  end

  local function tick()
    local page = view.page
    local fine, problem = xpcall(step, lib.problem)
    if not fine and page == "failed" then -- the error page cannot be drawn either
      leave()
      tell(problem)
    elseif not fine then
      fail(problem)
    end
    if not left then reaper.defer(tick) end
  end

  -- Why the action cannot start, or nil.
  local function objection()
    local _, problem = lib.transport.config()
    if problem then return problem end
    if is_running() then return "An extraction is running already; its window is open." end
    proj = reaper.EnumProjects(-1)
    if reaper.GetPlayStateEx(proj) & RECORDING ~= 0 then return "Stop the recording first." end
    local refused
    items, refused = lib.item.selected(proj)
    if #items == 0 then
      return #refused > 0 and table.concat(refused, "\n") or "Select an audio item first."
    end
    view.notes = refused
  end

  local function begin()
    lib.files.make_folder(home)
    local problem = objection()
    if problem then return tell(problem) end
    view.options = lib.options.load()
    show_items()
    last = reaper.time_precise()
    reaper.atexit(leave)
    ui.open()
    tick()
  end

  function M.run()
    local fine, problem = xpcall(begin, lib.problem)
    if not fine then tell(problem) end
  end

  return M
end
