-- The window: a page of options, one of progress, one of results, one of errors.
--
-- `draw(view)` shows a page and returns what the user did: "start", "cancel", "report", "close", "changed", or nil.
return function(gfx, draw, options)
  local M = {}

  local TITLE, WIDTH, HEIGHT = "loopcube: extract loops", 480, 364
  local MARGIN, ROW, BUTTON = 22, 34, { w = 122, h = 32 }
  local CLOSED, ESCAPE, ENTER = -1, 27, 13
  local MOST_ROWS = 6 -- rows of the map

  local colours = draw.colours
  local mouse = { down = false, clicked = false }

  function M.open()
    gfx.ext_retina = 1 -- requests all pixels of a high-resolution display; REAPER then sets the pixels of a point
    gfx.init(TITLE, WIDTH, HEIGHT)
  end

  function M.close() gfx.quit() end

  local function over(x, y, w, h)
    local at_x, at_y = draw.mouse()
    return at_x >= x and at_x < x + w and at_y >= y and at_y < y + h
  end

  local function button(text, place, primary)
    local width, height = draw.size()
    local x, y = width - MARGIN - place * (BUTTON.w + 10) + 10, height - MARGIN - BUTTON.h
    local hovered = over(x, y, BUTTON.w, BUTTON.h)
    if primary then
      draw.field(colours.accent, hovered and colours.text or colours.accent, x, y, BUTTON.w, BUTTON.h)
    else
      draw.field(hovered and colours.hover or colours.panel, colours.edge, x, y, BUTTON.w, BUTTON.h)
    end
    local look = { colour = primary and colours.ink or colours.text, bold = primary, centred = true }
    draw.text(text, x, y, BUTTON.w, BUTTON.h, look)
    return hovered and mouse.clicked
  end

  local function head(view)
    local width = draw.size()
    draw.text(view.title, MARGIN, 16, width - 2 * MARGIN, 26, { size = 19, bold = true })
    draw.text(view.subtitle or "", MARGIN, 42, width - 2 * MARGIN, 20, { size = 13, colour = colours.dim })
  end

  -- Let the user choose in a menu. Returns whether the choice has changed.
  local function choose(option, chosen, x, y)
    local names = {}
    for i, choice in ipairs(option.choices) do names[i] = (i == chosen and "!" or "") .. choice[2] end
    gfx.x, gfx.y = math.floor(x * draw.scale()), math.floor(y * draw.scale())
    local picked = gfx.showmenu(table.concat(names, "|"))
    return picked > 0 and picked ~= chosen and picked
  end

  local function option_row(option, view, y)
    local width = draw.size()
    local x, w = MARGIN + 130, width - 2 * MARGIN - 130
    local chosen = options.chosen(option, view.options)
    local hovered = over(x, y, w, ROW - 6)
    draw.text(option.name, MARGIN, y, 124, ROW - 6, { colour = colours.dim })
    draw.field(hovered and colours.hover or colours.panel, colours.edge, x, y, w, ROW - 6)
    draw.text(option.choices[chosen][2], x + 12, y, w - 40, ROW - 6, {})
    draw.chevron(colours.dim, x + w - 22, y + ROW / 2 - 5)
    if not (hovered and mouse.clicked) then return false end
    local picked = choose(option, chosen, x, y + ROW - 6)
    if picked then view.options[option.key] = option.choices[picked][1] end
    return picked
  end

  local pages = {}

  function pages.options(view, key)
    local y, changed = 78, false
    for _, option in ipairs(options.list) do
      if not option.applies or option.applies(view.options) then
        changed = option_row(option, view, y) or changed
        y = y + ROW
      end
    end
    local start, stop = button("Extract", 1, true), button("Cancel", 2)
    if start or key == ENTER then return "start" end
    if stop then return "close" end
    return changed and "changed"
  end

  function pages.working(view)
    local width = draw.size()
    local w, y = width - 2 * MARGIN, 150
    draw.text(view.stage, MARGIN, y - 34, w - 60, 24, {})
    local percent = ("%d %%"):format(math.floor(view.fraction * 100))
    draw.text(percent, MARGIN + w - 52, y - 34, 52, 24, { colour = colours.dim, right = true })
    draw.box(colours.panel, MARGIN, y, w, 12)
    draw.box(colours.accent, MARGIN, y, w * math.max(0, math.min(1, view.fraction)), 12)
    draw.text("REAPER stays usable meanwhile.", MARGIN, y + 24, w, 20, { size = 12, colour = colours.dim })
    if button(view.stopping and "Cancelling" or "Cancel", 1) then return "cancel" end
  end

  local function map_row(loop, k, bars, y, h)
    local width = draw.size()
    local x, w = MARGIN + 150, width - 2 * MARGIN - 150
    draw.text(("%d  %s"):format(k, loop.label), MARGIN, y, 100, h, {})
    local length = ("%d %s"):format(loop.bars, loop.bars == 1 and "bar" or "bars")
    draw.text(length, MARGIN + 96, y, 52, h, { size = 12, colour = colours.dim })
    draw.box(colours.panel, x, y + 3, w, h - 6)
    for bar, heard in ipairs(loop.heard) do
      local from = x + w * (bar - 1) / bars
      local gap = heard == 0 and 1 or 0 -- shows where the loop starts again
      if heard >= 0 then draw.box(loop.colour, from + gap, y + 3, w / bars - gap, h - 6) end
    end
  end

  function pages.done(view)
    local width, height = draw.size()
    local y = 76
    for k, loop in ipairs(view.loops) do
      if k > MOST_ROWS then
        local more = ("and %d more"):format(#view.loops - MOST_ROWS)
        draw.text(more, MARGIN, y, 200, 20, { size = 12, colour = colours.dim })
        y = y + 20
        break
      end
      map_row(loop, k, #loop.heard, y, 26)
      y = y + 28
    end
    y = y + 8
    for _, note in ipairs(view.notes) do
      if y > height - MARGIN - BUTTON.h - 24 then break end
      y = y + draw.paragraph(note, MARGIN, y, width - 2 * MARGIN, { size = 12, colour = colours.dim })
    end
    local close, report = button("Close", 1, true), view.has_report and button("Open report", 2)
    return close and "close" or report and "report"
  end

  function pages.failed(view)
    local width = draw.size()
    draw.paragraph(view.problem, MARGIN, 84, width - 2 * MARGIN, {})
    if button("Close", 1, true) then return "close" end
  end

  function M.draw(view)
    local key = gfx.getchar()
    if key == CLOSED then return "close" end
    local down = gfx.mouse_cap & 1 == 1
    mouse.clicked, mouse.down = mouse.down and not down, down -- a click is complete when the button is released
    local width, height = draw.size()
    draw.box(colours.back, 0, 0, width, height)
    head(view)
    local deed = pages[view.page](view, key)
    gfx.update()
    if key == ESCAPE then return view.page == "working" and "cancel" or "close" end
    return deed or nil
  end

  return M
end
