-- Text and shapes in a gfx window. Sizes are in points; on high-resolution displays a point has several pixels.
return function(gfx)
  local M = {}

  local FACE, BOLD = "Arial", ("b"):byte()
  local CENTRED, RIGHT, MIDDLE = 1, 2, 4 -- flags of gfx.drawstr

  M.colours = {
    back = { 0x1d, 0x20, 0x24 }, panel = { 0x2b, 0x30, 0x36 }, hover = { 0x37, 0x3e, 0x46 },
    edge = { 0x45, 0x4d, 0x57 }, text = { 0xec, 0xee, 0xf0 }, dim = { 0x9f, 0xa8, 0xb2 },
    accent = { 0x24, 0xb6, 0xa1 }, ink = { 0x0c, 0x24, 0x20 },
  }

  function M.scale() return math.max(1.0, gfx.ext_retina) end

  function M.size() return gfx.w / M.scale(), gfx.h / M.scale() end

  function M.mouse() return gfx.mouse_x / M.scale(), gfx.mouse_y / M.scale() end

  local function pixels(value) return math.floor(value * M.scale() + 0.5) end

  local function ink(colour, alpha) gfx.set(colour[1] / 255, colour[2] / 255, colour[3] / 255, alpha or 1.0) end

  function M.box(colour, x, y, w, h, alpha)
    ink(colour, alpha)
    gfx.rect(pixels(x), pixels(y), pixels(x + w) - pixels(x), pixels(y + h) - pixels(y), 1)
  end

  -- A box with an outline, for buttons and fields.
  function M.field(fill, edge, x, y, w, h)
    M.box(edge, x, y, w, h)
    M.box(fill, x + 1, y + 1, w - 2, h - 2)
  end

  -- A small triangle that points down.
  function M.chevron(colour, x, y)
    ink(colour)
    for i = 0, pixels(4) do gfx.line(pixels(x) + i, pixels(y) + i, pixels(x + 8) - i, pixels(y) + i) end
  end

  local function font(size, bold) gfx.setfont(1, FACE, pixels(size), bold and BOLD or 0) end

  -- A text, cut and ended with three dots if it is too wide.
  local function fitted(text, width)
    if gfx.measurestr(text) <= pixels(width) then return text end
    local stops = {}
    for at in text:gmatch("()[%z\1-\127\194-\244][\128-\191]*") do stops[#stops + 1] = at end
    for i = #stops, 2, -1 do
      local cut = text:sub(1, stops[i] - 1) .. "..."
      if gfx.measurestr(cut) <= pixels(width) then return cut end
    end
    return "..."
  end

  -- One line of text, centred vertically; `look` has colour, size, bold, centred, right.
  function M.text(text, x, y, w, h, look)
    font(look.size or 14, look.bold)
    ink(look.colour or M.colours.text)
    gfx.x, gfx.y = pixels(x), pixels(y)
    local flags = MIDDLE | (look.centred and CENTRED or look.right and RIGHT or 0)
    gfx.drawstr(fitted(text, w), flags, pixels(x + w), pixels(y + h))
  end

  -- A text in as many lines as necessary. Returns the height of the lines.
  function M.paragraph(text, x, y, w, look)
    font(look.size or 14, look.bold)
    local lines, line = {}, ""
    for word in text:gmatch("%S+") do
      local longer = line == "" and word or line .. " " .. word
      if line ~= "" and gfx.measurestr(longer) > pixels(w) then
        lines[#lines + 1] = line
        longer = word
      end
      line = longer
    end
    lines[#lines + 1] = line
    local step = (look.size or 14) * 1.4
    for i, each in ipairs(lines) do M.text(each, x, y + (i - 1) * step, w, step, look) end
    return #lines * step
  end

  return M
end
