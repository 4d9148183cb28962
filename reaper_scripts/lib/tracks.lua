-- Our tracks: folders that are inserted after a track, marked so that they can be found again, and removed.
return function(reaper, json)
  local M = {}

  local RUN = "P_EXT:loopcube_run" -- a track's data: the run that made it
  local FOLDER = "P_EXT:loopcube_folder" -- data of the top track: its regions, {{id, name}...}
  local SOURCE = "P_EXT:loopcube_source" -- a media item's data: the item whose loops it plays
  local COLOURED = 0x1000000

  function M.must(fine, doing)
    if not fine then error({ told = "REAPER refused to " .. doing }) end
    return fine
  end

  local function get(track, key)
    local _, text = reaper.GetSetMediaTrackInfo_String(track, key, "", false)
    return text
  end

  function M.set_text(track, key, text)
    M.must(reaper.GetSetMediaTrackInfo_String(track, key, text, true), "set " .. key)
  end

  function M.set(track, key, value) M.must(reaper.SetMediaTrackInfo_Value(track, key, value), "set " .. key) end

  local function depth(track) return math.floor(reaper.GetMediaTrackInfo_Value(track, "I_FOLDERDEPTH")) end

  function M.index(proj, guid)
    for i = 0, reaper.CountTracks(proj) - 1 do
      if reaper.GetTrackGUID(reaper.GetTrack(proj, i)) == guid then return i end
    end
  end

  -- The last track of the folder that starts at an index, or the track itself, and the sum of their depths.
  local function last_of(proj, index)
    local level = depth(reaper.GetTrack(proj, index))
    local last = index
    while level > 0 and last + 1 < reaper.CountTracks(proj) do
      last = last + 1
      level = level + depth(reaper.GetTrack(proj, last))
    end
    return last, level
  end

  -- A colour in REAPER's own format.
  function M.native(colour) return reaper.ColorToNative(colour[1], colour[2], colour[3]) | COLOURED end

  local function flatten(node, list)
    list[#list + 1] = node
    node.depth = node.children and 1 or 0
    for _, child in ipairs(node.children or {}) do flatten(child, list) end
    if node.children then list[#list].depth = list[#list].depth - 1 end
    return list
  end

  local function add(proj, index, node, run)
    reaper.InsertTrackAtIndex(index, false)
    local track = M.must(reaper.GetTrack(proj, index), "add a track")
    M.set_text(track, RUN, run)
    M.set_text(track, "P_NAME", node.name)
    if node.colour then M.set(track, "I_CUSTOMCOLOR", M.native(node.colour)) end
    if node.muted then M.set(track, "B_MUTE", 1) end
    M.set(track, "I_FOLDERDEPTH", node.depth)
    node.track = track
  end

  -- Inserts a tree of tracks {name, colour, muted, children}, which is a folder, after the track with this index. Each
  -- node gets its `track`. Returns the nodes in order. If the track before ended folders, the new last track ends them.
  function M.insert(proj, index, tree, run)
    local last, level = last_of(proj, index)
    local nodes = flatten(tree, {})
    if level < 0 then
      local before = reaper.GetTrack(proj, last)
      M.set(before, "I_FOLDERDEPTH", depth(before) - level)
      nodes[#nodes].depth = nodes[#nodes].depth + level
    end
    for i, node in ipairs(nodes) do add(proj, last + i, node, run) end
    M.set_text(tree.track, FOLDER, "[]")
    return nodes
  end

  function M.remember_regions(folder, regions) M.set_text(folder, FOLDER, json.encode(regions)) end

  function M.mark(item, source)
    M.must(reaper.GetSetMediaItemInfo_String(item, SOURCE, source, true), "mark an item")
  end

  -- Removes the media items on a track that play loops of one of these sources. Returns whether there were any.
  local function clear(track, sources)
    local found = false
    for i = reaper.CountTrackMediaItems(track) - 1, 0, -1 do
      local item = reaper.GetTrackMediaItem(track, i)
      local _, source = reaper.GetSetMediaItemInfo_String(item, SOURCE, "", false)
      if sources[source] then
        M.must(reaper.DeleteTrackMediaItem(track, item), "delete an item")
        found = true
      end
    end
    return found
  end

  local function remove_regions(proj, folder)
    for _, wanted in ipairs(json.decode(get(folder, FOLDER)) or {}) do
      local i = 0
      repeat
        local more, is_region, _, _, name, id = reaper.EnumProjectMarkers3(proj, i)
        if more ~= 0 and is_region and id == wanted[1] and name == wanted[2] then
          reaper.DeleteProjectMarker(proj, id, true)
          break
        end
        i = i + 1
      until more == 0
    end
  end

  -- Whether a folder contains only empty tracks of ours.
  local function is_bare(proj, index, last)
    for i = index, last do
      local track = reaper.GetTrack(proj, i)
      if get(track, RUN) == "" or reaper.CountTrackMediaItems(track) > 0 then return false end
    end
    return true
  end

  local function remove(proj, index, last, level)
    remove_regions(proj, reaper.GetTrack(proj, index))
    for i = last, index, -1 do reaper.DeleteTrack(reaper.GetTrack(proj, i)) end
    if level ~= 0 and index > 0 then
      local before = reaper.GetTrack(proj, index - 1)
      M.set(before, "I_FOLDERDEPTH", depth(before) + level)
    end
  end

  -- Removes the results of other runs for these sources, {[guid] = true}. Folders that become empty are removed, too. A
  -- folder to which the user has added something stays.
  function M.replace(proj, sources, run)
    for index = reaper.CountTracks(proj) - 1, 0, -1 do
      local folder = reaper.GetTrack(proj, index)
      if get(folder, FOLDER) ~= "" and get(folder, RUN) ~= run then
        local last, level = last_of(proj, index)
        local found = false
        for i = index, last do
          local track = reaper.GetTrack(proj, i)
          if get(track, RUN) ~= "" and clear(track, sources) then found = true end
        end
        if found and is_bare(proj, index, last) then remove(proj, index, last, level) end
      end
    end
  end

  -- Removes the tracks that a run has made, with everything on them.
  function M.erase(proj, run)
    for index = reaper.CountTracks(proj) - 1, 0, -1 do
      local track = reaper.GetTrack(proj, index)
      if get(track, RUN) == run then reaper.DeleteTrack(track) end
    end
  end

  return M
end
