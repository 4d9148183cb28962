-- Media items: the selected ones, their audio, and how to find them again when their jobs are done.
return function(reaper, files)
  local M = {}

  local RATES = { 8000, 192000 } -- the daemon's limits, in Hz
  local COPIED = { -- copied from the item to its stems
    "D_VOL", "D_FADEINLEN", "D_FADEOUTLEN", "D_FADEINDIR", "D_FADEOUTDIR", "D_FADEINLEN_AUTO", "D_FADEOUTLEN_AUTO",
    "C_FADEINSHAPE", "C_FADEOUTSHAPE", "C_BEATATTACHMODE", "C_AUTOSTRETCH",
  }

  local function guid(item)
    local _, text = reaper.GetSetMediaItemInfo_String(item, "GUID", "", false)
    return text
  end

  -- The original source of a section or a reversed take.
  local function origin(source)
    local parent = reaper.GetMediaSourceParent(source)
    while parent do
      source, parent = parent, reaper.GetMediaSourceParent(parent)
    end
    return source
  end

  local function take_name(take, source)
    local _, name = reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", "", false)
    if name ~= "" then return name end
    name = files.stem(reaper.GetMediaSourceFileName(source))
    return name ~= "" and name or "item"
  end

  local function has_effects(take)
    for fx = 0, reaper.TakeFX_GetCount(take) - 1 do
      if reaper.TakeFX_GetEnabled(take, fx) then return true end
    end
    return false
  end

  local function rate_of(proj, source)
    local rate = reaper.GetMediaSourceSampleRate(source)
    if rate < RATES[1] or rate > RATES[2] then
      rate = math.floor(reaper.GetSetProjectInfo(proj, "PROJECT_SRATE", 0.0, false))
    end
    return rate >= RATES[1] and rate <= RATES[2] and rate or 44100
  end

  local function copied(item)
    local values = {}
    for _, key in ipairs(COPIED) do values[key] = reaper.GetMediaItemInfo_Value(item, key) end
    return values
  end

  -- Why the loops of an item cannot be extracted, or nil.
  local function refusal(item, take, source)
    if not take or not source then return "is empty" end
    if reaper.TakeIsMIDI(take) then return "is MIDI; render it to audio first" end
    if reaper.GetMediaSourceSampleRate(source) == 0 then return "is offline; set its media online" end
    if reaper.GetMediaItemInfo_Value(item, "D_LENGTH") <= 0 then return "has no length" end
  end

  local function notes(take, start, rate)
    local found = {}
    if reaper.CountTakeEnvelopes(take) > 0 then found[1] = "its take envelopes are not copied" end
    local frames = start * rate
    if math.abs(frames - math.floor(frames + 0.5)) > 1e-3 then
      found[#found + 1] = "it starts between two samples of its file, so stems may not null to the last bit"
    end
    return found
  end

  local function described(proj, item, take, source)
    local value = reaper.GetMediaItemTakeInfo_Value
    local track = reaper.GetMediaItem_Track(item)
    local rate = rate_of(proj, source)
    local _, track_name = reaper.GetSetMediaTrackInfo_String(track, "P_NAME", "", false)
    return {
      guid = guid(item),
      track = reaper.GetTrackGUID(track),
      track_name = track_name,
      name = take_name(take, source),
      position = reaper.GetMediaItemInfo_Value(item, "D_POSITION"),
      length = reaper.GetMediaItemInfo_Value(item, "D_LENGTH"),
      volume = value(take, "D_VOL"),
      pan = value(take, "D_PAN"),
      rate = rate,
      channels = math.max(1, math.min(2, reaper.GetMediaSourceNumChannels(source))),
      effects = has_effects(take),
      copied = copied(item),
      notes = notes(take, value(take, "D_STARTOFFS"), rate),
    }
  end

  -- The selected items with audio that can be used, in the project's order, and a line about each other selected item.
  function M.selected(proj)
    local found, refused = {}, {}
    for i = 0, reaper.CountMediaItems(proj) - 1 do
      local item = reaper.GetMediaItem(proj, i)
      if reaper.IsMediaItemSelected(item) then
        local take = reaper.GetActiveTake(item)
        local source = take and reaper.GetMediaItemTake_Source(take)
        source = source and origin(source)
        local reason = refusal(item, take, source)
        if reason then
          refused[#refused + 1] = ("%s %s"):format(source and take_name(take, source) or "An item", reason)
        else
          found[#found + 1] = described(proj, item, take, source)
        end
      end
    end
    return found, refused
  end

  -- The item with this GUID, or nil if it or its project no longer exists.
  function M.find(proj, wanted)
    if not reaper.ValidatePtr2(0, proj, "ReaProject*") then return nil end
    for i = 0, reaper.CountMediaItems(proj) - 1 do
      local item = reaper.GetMediaItem(proj, i)
      if guid(item) == wanted then return item end
    end
  end

  return M
end
