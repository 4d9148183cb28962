-- Where clips of a loop go: as few looped items as can be without leaving the sound by more than a frame.
--
-- A result counts bars from 1 here: `bars[b]` is the first frame of bar b after the item's start, and `heard[b]` the
-- bar of the loop's file, from 0, that sounds there, -1 where the loop is silent.
local M = {}

local DRIFT = 1 -- frames that a clip may be away from the song
local SAME_GAIN = 1.06 -- half a decibel: nobody hears it

local function alike(gain, other) return math.max(gain, other) <= SAME_GAIN * math.min(gain, other) end

-- A function from a bar to its time in the project: the tempo map's own wherever the sound is on it, else the sound's.
function M.edges(bars, item, host)
  local on_map = {}
  for i, frame in ipairs(host.frames) do on_map[frame] = host.times[i] end
  return function(bar)
    local frame = bars[bar]
    return on_map[frame] or on_map[frame - 1] or on_map[frame + 1] or item.position + frame / item.rate
  end
end

-- How many frames into the loop's file each of its bars begins, from bar 0 on.
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

-- The song's sections: runs of bars in which the same loops play, as `first`, `bars` and the `loops` by number.
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
