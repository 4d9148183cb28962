-- Writes the audio of an item, before its take FX, to a WAV file: a part in each call, so that REAPER stays responsive.
return function(reaper, wav)
  local M = {}

  local FRAMES = 65536 -- frames in one call, which takes 20 to 40 ms
  local FAILED = -1

  -- An export of a take. `step()` writes a part and returns the fraction that is done, 1 when the file is complete.
  -- `close()` releases everything and may be called at any time.
  function M.start(take, item, path)
    local total = math.floor(item.length * item.rate + 0.5)
    local buffer = reaper.new_array(FRAMES * item.channels)
    local accessor = reaper.CreateTakeAudioAccessor(take)
    if not accessor then error({ told = item.name .. ": REAPER gives no access to its audio" }) end
    local opened, writer = pcall(wav.create, path, total, item.rate, item.channels)
    if not opened then
      reaper.DestroyAudioAccessor(accessor)
      error(writer, 0)
    end
    local done = 0
    local export = { frames = total }

    function export.close()
      local held = accessor
      accessor = nil
      if held then reaper.DestroyAudioAccessor(held) end
      writer.close()
    end

    function export.step()
      local frames = math.min(FRAMES, total - done)
      buffer.clear() -- because the accessor does not overwrite the buffer in silence or after the end
      -- Times of a take's accessor start at the item's start.
      local got = reaper.GetAudioAccessorSamples(accessor, item.rate, item.channels, done / item.rate, frames, buffer)
      if got == FAILED then error({ told = item.name .. ": REAPER cannot read its audio; is the media online?" }) end
      writer.write(buffer.table(1, frames * item.channels), frames * item.channels)
      done = done + frames
      if done == total then export.close() end
      return done / total
    end

    return export
  end

  return M
end
