-- The second action: adds the first action to REAPER, checks whether loopcube answers, and shows how to add the entry
-- to the item menu.
return function(here, reaper)
  local M = {}

  local MAIN, ACTION = 0, "loopcube_Extract loops from selected items.lua"
  local PATIENCE = 30000 -- milliseconds for the daemon to start
  local STEPS = [[
To have it in the menu of an item:
1. right-click an item and choose "Customize menus" (or Options > Customize menus/toolbars)
2. choose "Media item context" at the top
3. click "Add", then "Action"
4. type "Extract loops", choose the script, and click OK]]

  local function use(name) return dofile(here .. "lib/" .. name .. ".lua") end

  local function answer(command)
    local words = {}
    for i, word in ipairs(command) do words[i] = '"' .. word .. '"' end
    words[#words + 1] = '"--check"'
    local output = reaper.ExecProcess(table.concat(words, " "), PATIENCE)
    if not output then return false, command[1] .. " could not be started" end
    local code, text = output:match("^(%-?%d+)\n(.*)$")
    return code == "0", (text or output):gsub("%s+$", "")
  end

  local function report(transport)
    local config, problem = transport.config()
    if not config then return problem end
    local fine, text = answer(config.command)
    if not fine then return ("loopcube does not answer: %s\n%s"):format(text, transport.how_to_install) end
    return text .. "\n\n" .. STEPS
  end

  function M.run()
    local config = reaper.GetResourcePath() .. "/loopcube/config.json"
    local registered = reaper.AddRemoveReaScript(true, MAIN, here .. ACTION, true)
    local transport = use("transport")(reaper, use("json"), use("files")(reaper), config)
    local text = report(transport)
    if registered == 0 then text = "REAPER could not add the action.\n\n" .. text end
    reaper.ShowMessageBox(text, "loopcube", 0)
  end

  return M
end
