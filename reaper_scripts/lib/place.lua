-- Places results on tracks, in one undo step. After any failure, everything is undone.
--
--     <item> loops
--       Stems        one track for each loop; together with the rest they sum to the item
--       Loop clips   one track for each loop; looped items where it plays
--       Rest         the sound that belongs to no loop
return function(reaper, lib)
  local M = {}

  local DONE, FAILED = "Extract loops", "Extract loops (failed)"
  local EVERYTHING = -1 -- undo flags
  local BUILD_PEAKS = 40047 -- "Peaks: Build any missing peaks"
  local GREY = { 128, 128, 128 }
  local FADE = 0.005 -- seconds at the end of a clip, where a loop stops amid a sound
  local BEATS = 1 -- the timebase in which position, length and rate follow the tempo
  local ACTIVATIONS = "P_EXT:loopcube_activations" -- a clip's data: how strongly its loop plays in each bar

  -- Calls a function that must succeed, a second time if it fails. Returns its result, or nil.
  local function surely(call, ...)
    local fine, value = pcall(call, ...)
    if not fine then fine, value = pcall(call, ...) end
    if fine then return value end
    lib.log.add("while cleaning up: " .. tostring(value))
  end

  local function numbered(k, label) return ("%02d %s"):format(k, label) end

  -- The rows of a group of results. Drums of one item share a track with the drums of the next item.
  local function rows_of(entries)
    local rows, by_key = {}, {}
    for _, entry in ipairs(entries) do
      local seen = {}
      for _, loop in ipairs(entry.result.loops) do
        seen[loop.label] = (seen[loop.label] or 0) + 1
        local key = loop.label .. "\n" .. seen[loop.label]
        if not by_key[key] then
          by_key[key] = { label = loop.label, colour = loop.colour, played = {} }
          rows[#rows + 1] = by_key[key]
        end
        table.insert(by_key[key].played, { entry = entry, loop = loop })
      end
    end
    return rows
  end

  local function stem_item(entry, name, file)
    local item = entry.item
    return {
      source = item.guid, file = file, name = ("%s - %s"):format(item.name, name), copied = item.copied,
      position = item.position, length = item.length, offset = 0.0, looped = 0, volume = item.volume, pan = item.pan,
    }
  end

  local function clip_items(entry, loop, name)
    local item, bars, found = entry.item, entry.result.bars, {}
    local edge = lib.clips.edges(bars, item, entry.host)
    for _, clip in ipairs(lib.clips.clips(loop, bars)) do
      local position = edge(clip.first)
      local last = clip.first + clip.bars
      found[#found + 1] = {
        source = item.guid, file = loop.loop, name = ("%s - %s"):format(item.name, name), beats = true,
        position = position, length = edge(last) - position, offset = clip.offset / item.rate, looped = 1,
        volume = item.volume * clip.gain, pan = item.pan, item_volume = item.copied.D_VOL,
        fade = (loop.heard[last] or -1) < 0 and FADE or 0.0,
        activations = lib.json.encode(table.move(loop.activations, clip.first, last - 1, 1, {})),
      }
    end
    return found
  end

  local function stems_folder(rows)
    local children = {}
    for k, row in ipairs(rows) do
      local node = { name = numbered(k, row.label), colour = row.colour, items = {} }
      for _, each in ipairs(row.played) do
        table.insert(node.items, stem_item(each.entry, node.name, each.loop.stem))
      end
      children[k] = node
    end
    return { name = "Stems", children = children }
  end

  local function clips_folder(rows)
    local children = {}
    for k, row in ipairs(rows) do
      local bars = row.played[1].loop.bars
      local node = { name = ("%s (%d %s)"):format(numbered(k, row.label), bars, bars == 1 and "bar" or "bars"),
        colour = row.colour, items = {} }
      for _, each in ipairs(row.played) do
        for _, item in ipairs(clip_items(each.entry, each.loop, numbered(k, row.label))) do
          table.insert(node.items, item)
        end
      end
      children[k] = node
    end
    return { name = "Loop clips", children = children }
  end

  -- The tree of tracks for the results of one source track, each with its items.
  local function tree_of(group, options)
    local rows, children = rows_of(group.entries), {}
    local both = options.place == "both"
    if #rows > 0 and options.place ~= "clips" then
      local folder = stems_folder(rows)
      folder.muted = both and options.audible ~= "stems"
      children[#children + 1] = folder
    end
    if #rows > 0 and options.place ~= "stems" then
      local folder = clips_folder(rows)
      folder.muted = both and options.audible == "stems"
      children[#children + 1] = folder
    end
    local rest = { name = "Rest", colour = GREY, items = {} }
    for _, entry in ipairs(group.entries) do table.insert(rest.items, stem_item(entry, "rest", entry.result.rest)) end
    children[#children + 1] = rest
    return { name = group.name .. " loops", children = children }
  end

  local function source_of(take, file)
    local source = lib.tracks.must(reaper.PCM_Source_CreateFromFile(file), "open " .. file)
    local fine, set = pcall(reaper.SetMediaItemTake_Source, take, source)
    if not fine or not set then reaper.PCM_Source_Destroy(source) end
    lib.tracks.must(fine and set, "use " .. file)
  end

  local function add_item(track, spec)
    local must = lib.tracks.must
    local item = must(reaper.AddMediaItemToTrack(track), "add an item")
    local take = must(reaper.AddTakeToMediaItem(item), "add a take")
    local function set(key, value) must(reaper.SetMediaItemInfo_Value(item, key, value), "set " .. key) end
    source_of(take, spec.file)
    set("D_POSITION", spec.position)
    set("D_LENGTH", spec.length)
    set("B_LOOPSRC", spec.looped)
    for key, value in pairs({ D_STARTOFFS = spec.offset, D_VOL = spec.volume, D_PAN = spec.pan }) do
      must(reaper.SetMediaItemTakeInfo_Value(take, key, value), "set " .. key)
    end
    local values = spec.copied or { D_VOL = spec.item_volume, D_FADEINLEN = 0.0, D_FADEOUTLEN = spec.fade,
      D_FADEINLEN_AUTO = -1.0, D_FADEOUTLEN_AUTO = -1.0, C_BEATATTACHMODE = BEATS }
    for key, value in pairs(values) do set(key, value) end -- sets the timebase after the position
    must(reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", spec.name, true), "name a take")
    lib.tracks.mark(item, spec.source)
    if spec.activations then
      must(reaper.GetSetMediaItemInfo_String(item, ACTIVATIONS, spec.activations, true), "mark an item")
    end
  end

  -- A region for each section of a song, named after the loops that play in it.
  local function add_regions(proj, entry)
    local loops, made = entry.result.loops, {}
    local edge = lib.clips.edges(entry.result.bars, entry.item, entry.host)
    for _, section in ipairs(lib.clips.sections(loops, #entry.result.bars - 1)) do
      local names = {}
      for i, k in ipairs(section.loops) do names[i] = numbered(k, loops[k].label) end
      local name = #names > 0 and table.concat(names, " + ") or "no loop"
      local colour = lib.tracks.native(#names > 0 and loops[section.loops[1]].colour or GREY)
      local from, to = edge(section.first), edge(section.first + section.bars)
      local id = reaper.AddProjectMarker2(proj, true, from, to, name, -1, colour)
      lib.tracks.must(id >= 0, "add a region")
      made[#made + 1] = { id, name }
    end
    return made
  end

  local function place_group(proj, group, run)
    local index = lib.tracks.index(proj, group.track)
    local tree = tree_of(group, run.options)
    for _, node in ipairs(lib.tracks.insert(proj, index, tree, run.id)) do
      for _, item in ipairs(node.items or {}) do add_item(node.track, item) end
    end
    local regions = {}
    if run.options.regions == "yes" then
      for _, entry in ipairs(group.entries) do
        for _, region in ipairs(add_regions(proj, entry)) do regions[#regions + 1] = region end
      end
    end
    if #regions > 0 then lib.tracks.remember_regions(tree.track, regions) end
  end

  local function mute_source(proj, entry, muted)
    local item = lib.item.find(proj, entry.item.guid)
    muted[#muted + 1] = { item, reaper.GetMediaItemInfo_Value(item, "B_MUTE") }
    lib.tracks.must(reaper.SetMediaItemInfo_Value(item, "B_MUTE", 1), "mute the item")
  end

  -- Makes all changes to the project. Earlier results are removed last, after everything new has been added.
  local function edit(proj, run, muted)
    local sources = {}
    for _, group in ipairs(run.groups) do
      place_group(proj, group, run)
      for _, entry in ipairs(group.entries) do
        sources[entry.item.guid] = true
        mute_source(proj, entry, muted)
      end
    end
    lib.tracks.replace(proj, sources, run.id)
  end

  -- Uses REAPER's undo, which restores everything. If undo is switched off, it reverts the changes one by one.
  local function take_back(proj, run, muted)
    if surely(reaper.Undo_CanUndo2, proj) == FAILED then
      surely(reaper.Undo_DoUndo2, proj)
      return
    end
    surely(lib.tracks.erase, proj, run.id)
    for _, each in ipairs(muted) do surely(reaper.SetMediaItemInfo_Value, each[1], "B_MUTE", each[2]) end
  end

  local function in_one_step(proj, run)
    local held, open, muted = false, false, {}
    local fine, problem = xpcall(function()
      reaper.PreventUIRefresh(1)
      held = true
      reaper.Undo_BeginBlock2(proj)
      open = true
      edit(proj, run, muted)
      reaper.Undo_EndBlock2(proj, DONE, EVERYTHING)
      open = false
    end, lib.problem)
    if open then surely(reaper.Undo_EndBlock2, proj, FAILED, EVERYTHING) end
    if not fine then take_back(proj, run, muted) end
    if held then surely(reaper.PreventUIRefresh, -1) end
    if not fine then error({ told = problem }) end
  end

  -- Groups results by the current tracks of their items. Also returns the names of items that no longer exist.
  local function grouped(proj, entries)
    local groups, by_track, gone = {}, {}, {}
    for _, entry in ipairs(entries) do
      local item = lib.item.find(proj, entry.item.guid)
      if item then
        local track = reaper.GetMediaItem_Track(item)
        local guid = reaper.GetTrackGUID(track)
        if not by_track[guid] then
          by_track[guid] = { track = guid, name = entry.item.name, entries = {} }
          groups[#groups + 1] = by_track[guid]
        elseif entry.item.track_name ~= "" then
          by_track[guid].name = entry.item.track_name
        end
        table.insert(by_track[guid].entries, entry)
      else
        gone[#gone + 1] = entry.item.name
      end
    end
    return groups, gone
  end

  -- Places results: each entry has its `item`, `host` bars and `result`. Returns the names of items that no longer
  -- exist. Raises an error and leaves the project unchanged when anything fails, or when the project or all of the
  -- items no longer exist.
  function M.place(proj, entries, options)
    if not reaper.ValidatePtr2(0, proj, "ReaProject*") then
      error({ told = "the project was closed; the files are in its folder, in loopcube" })
    end
    local groups, gone = grouped(proj, entries)
    if #groups == 0 then error({ told = table.concat(gone, ", ") .. ": gone from the project; the files are kept" }) end
    local shown = reaper.EnumProjects(-1)
    if shown ~= proj then reaper.SelectProjectInstance(proj) end
    local run = { id = reaper.genGuid(""), groups = groups, options = options }
    local fine, problem = pcall(in_one_step, proj, run)
    if fine then surely(reaper.Main_OnCommandEx, BUILD_PEAKS, 0, proj) end
    surely(reaper.UpdateArrange)
    if shown ~= proj and surely(reaper.ValidatePtr2, 0, shown, "ReaProject*") then
      surely(reaper.SelectProjectInstance, shown)
    end
    if not fine then error(problem, 0) end
    return gone
  end

  return M
end
