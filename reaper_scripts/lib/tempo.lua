-- Bars from the project's tempo map, through every change of tempo and metre.
return function(reaper)
  local M = {}

  local MOST = 100000 -- bars; a map with more bars is broken

  local function count(metres, beats, unit)
    for _, metre in ipairs(metres) do
      if metre.beats == beats and metre.unit == unit then
        metre.bars = metre.bars + 1
        return
      end
    end
    metres[#metres + 1] = { beats = beats, unit = unit, bars = 1 }
  end

  -- The metre of most bars; if several are equal, the first one.
  local function usual(metres)
    local best = { bars = 0 }
    for _, metre in ipairs(metres) do
      if metre.bars > best.bars then best = metre end
    end
    return best
  end

  -- The whole bars of an item: their `times` in seconds of the project and their `frames` from the item's start, each
  -- list with the end of the last bar. Also the usual metre: `beats` of a bar and `unit`, the note value of a beat. A
  -- pick-up and a tail belong to no bar.
  function M.bars(proj, position, length, rate)
    local slack = 0.5 / rate -- an item cut on a bar line starts within half a frame of it
    local _, measure = reaper.TimeMap2_timeToBeats(proj, position)
    local times, frames, metres = {}, {}, {}
    for k = measure, measure + MOST do
      local time, _, _, beats, unit = reaper.TimeMap_GetMeasureInfo(proj, k)
      if time > position + length + slack then break end
      if time >= position - slack then
        times[#times + 1] = time
        frames[#frames + 1] = math.floor((time - position) * rate + 0.5)
        count(metres, beats, unit)
      end
    end
    local metre = usual(metres)
    return { times = times, frames = frames, beats = metre.beats, unit = metre.unit }
  end

  return M
end
