-- The clips of a loop: as few looped items as possible that differ from the song's timing by one frame at most.
--
-- Bars count from 1 here. `bars[b]` is the first frame of bar b, relative to the item's start. `heard[b]` is the bar of
-- the loop's file, from 0, that plays there, or -1 where the loop is silent.
local M = {}

local DRIFT = 1 -- the largest distance of a clip from the song, in frames
local SAME_GAIN = 1.06 -- half a decibel, which is inaudible

local function alike(gain, other) return math.max(gain, other) <= SAME_GAIN * math.min(gain, other) end

-- A function from a bar to its time in the project: the time on the tempo map if the bar is there, else its own time.
function M.edges(bars, item, host)
  local on_map = {}
  for i, frame in ipairs(host.frames) do on_map[frame] = host.times[i] end
  return function(bar)
    local frame = bars[bar]
    return on_map[frame] or on_map[frame - 1] or on_map[frame + 1] or item.position + frame / item.rate
  end
end

-- The first frame of each bar in the loop's file, from bar 0 on.
local function offsets(loop, bars)
  local found = {}
  for bar = 0, loop.bars do found[bar] = bars[loop.start_bar + bar] - bars[loop.start_bar] end
  return found
end

-- The clips of a loop: `first` bar, `bars`, `offset` frames into the file, `gain`.
function M.clips(loop, bars)
  local into = offsets(loop, bars)
  local found, clip = {}, nil
  local played -- frames of the file since the clip's start

  local function goes_on(bar, heard)
    return clip and clip.first + clip.bars == bar
      and heard == (loop.heard[bar - 1] + 1) % loop.bars
      and alike(clip.gain, loop.gains[bar])
      and math.abs(bars[bar] - bars[clip.first] - played) <= DRIFT
  end

  for bar, heard in ipairs(loop.heard) do
    if heard >= 0 then
      if goes_on(bar, heard) then
        clip.bars = clip.bars + 1
      else
        clip = { first = bar, bars = 1, offset = into[heard], gain = loop.gains[bar] }
        found[#found + 1] = clip
        played = 0
      end
      played = played + into[heard + 1] - into[heard]
    end
  end
  return found
end

-- The song's sections: runs of bars in which the same loops play, with `first`, `bars` and the numbers of the `loops`.
function M.sections(loops, count)
  local found, before = {}, nil
  for bar = 1, count do
    local playing = {}
    for k, loop in ipairs(loops) do
      if loop.heard[bar] >= 0 then playing[#playing + 1] = k end
    end
    local now = table.concat(playing, "+")
    if now == before then
      found[#found].bars = found[#found].bars + 1
    else
      found[#found + 1] = { first = bar, bars = 1, loops = playing }
    end
    before = now
  end
  return found
end

return M
