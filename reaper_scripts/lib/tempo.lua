-- Bars from the project's tempo map, through every change of tempo and metre.
return function(reaper)
  local M = {}

  local MOST = 100000 -- bars; a map that gives more is broken

  -- The number of beats that most bars have.
  local function usual(counts)
    local best
    for beats, count in pairs(counts) do
      if not best or count > counts[best] or (count == counts[best] and beats < best) then best = beats end
    end
    return best
  end

  -- The whole bars between two times: `times` in seconds of the project and `frames` from the first time on, each with
  -- the end of the last bar, and `beats` of the usual bar. A pick-up and a tail belong to no bar.
  function M.bars(proj, position, length, rate)
    local slack = 0.5 / rate -- an item cut on a bar line lies within half a frame of it
    local _, measure = reaper.TimeMap2_timeToBeats(proj, position)
    local times, frames, counts = {}, {}, {}
    for k = measure, measure + MOST do
      local time, _, _, beats = reaper.TimeMap_GetMeasureInfo(proj, k)
      if time > position + length + slack then break end
      if time >= position - slack then
        times[#times + 1] = time
        frames[#frames + 1] = math.floor((time - position) * rate + 0.5)
        counts[beats] = (counts[beats] or 0) + 1
      end
    end
    return { times = times, frames = frames, beats = usual(counts) }
  end

  return M
end
