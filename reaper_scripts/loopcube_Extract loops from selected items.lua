-- @description Extract loops from selected items
-- @author loopcube
-- @version 0.1.0
-- @changelog First release.
-- @provides
--   [main] .
--   [main] loopcube_Set up.lua
--   [nomain] lib/*.lua
-- @about
--   # Extract loops from selected items
--
--   Extracts the loops of the song in each selected item, and lays them out on tracks: stems that sum to the
--   item, and loop clips that show which loop plays when.
--
--   Needs loopcube on this computer; `loopcube install reaper` installs these scripts and their settings.

local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])")
dofile(here .. "lib/app.lua")(here, reaper, gfx).run()
