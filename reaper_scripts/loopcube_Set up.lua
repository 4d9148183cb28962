-- @noindex

local here = debug.getinfo(1, "S").source:match("^@(.*[/\\])")
dofile(here .. "lib/setup.lua")(here, reaper).run()
