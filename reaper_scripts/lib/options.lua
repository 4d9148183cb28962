-- The options: each with its choices, as shown in the window and stored by REAPER.
return function(reaper, json)
  local M = {}

  local SECTION, KEY = "loopcube", "options"

  local function counts()
    local found = { { nil, "Automatic" } }
    for count = 1, 16 do found[#found + 1] = { count, tostring(count) } end
    return found
  end

  -- The first choice of each is the default.
  M.list = {
    { key = "loops", name = "Loops", choices = counts() },
    { key = "max_loop_bars", name = "Longest loop",
      choices = { { nil, "Automatic" }, { 1, "1 bar" }, { 2, "2 bars" }, { 4, "4 bars" }, { 8, "8 bars" } } },
    { key = "place", name = "Put on tracks",
      choices = { { "both", "Stems and loop clips" }, { "stems", "Stems" }, { "clips", "Loop clips" } } },
    { key = "audible", name = "Audible",
      choices = { { "clips", "Loop clips, stems muted" }, { "stems", "Stems, loop clips muted" } },
      applies = function(options) return options.place == "both" end },
    { key = "regions", name = "Regions", choices = { { "no", "None" }, { "yes", "One for each section" } } },
    { key = "method", name = "Method",
      choices = { { "auto", "Automatic" }, { "coherent", "Exact repetition" }, { "tucker", "Tucker decomposition" } } },
  }

  -- The number of an option's current choice, from 1.
  function M.chosen(option, options)
    for i, choice in ipairs(option.choices) do
      if choice[1] == options[option.key] then return i end
    end
    return 1
  end

  -- The options of the last run. An invalid value becomes the default.
  function M.load()
    local stored = json.decode(reaper.GetExtState(SECTION, KEY))
    local options = {}
    for _, option in ipairs(M.list) do
      local choice = option.choices[M.chosen(option, type(stored) == "table" and stored or {})]
      options[option.key] = choice[1]
    end
    return options
  end

  function M.save(options) reaper.SetExtState(SECTION, KEY, json.encode(options), true) end

  return M
end
