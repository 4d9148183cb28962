-- A client in Lua, as it runs in REAPER: lua5.4 client.lua udp|tcp PORT TOKEN SONG
-- Uploads a request in chunks, starts it, follows the job and pulls the manifest; prints what it is told.

local socket = require("socket")
local transport, port, token, song = arg[1], tonumber(arg[2]), arg[3], arg[4]
local requests = 0

local function encode(address, ...)
  local tags, data = ",", ""
  local function text(value) return value .. ("\0"):rep(4 - #value % 4) end
  for _, value in ipairs({...}) do
    if math.type(value) == "integer" then
      tags, data = tags .. "i", data .. string.pack(">i4", value)
    else
      tags, data = tags .. "s", data .. text(value)
    end
  end
  return text(address) .. text(tags) .. data
end

local function decode(packet)
  local at = 1
  local function text()
    local stop = packet:find("\0", at, true)
    local value = packet:sub(at, stop - 1)
    at = stop + 4 - (stop - 1) % 4
    return value
  end
  local message = {address = text()}
  for tag in text():sub(2):gmatch(".") do
    if tag == "s" then
      message[#message + 1] = text()
    else
      message[#message + 1], at = string.unpack(tag == "i" and ">i4" or ">f", packet, at)
    end
  end
  return message
end

local function crc32(data)
  local crc = 0xFFFFFFFF
  for index = 1, #data do
    crc = crc ~ data:byte(index)
    for _ = 1, 8 do
      crc = (crc >> 1) ~ (0xEDB88320 & -(crc & 1))
    end
  end
  return string.unpack("<i4", string.pack("<I4", ~crc & 0xFFFFFFFF))
end

local link
if transport == "udp" then
  link = assert(socket.udp())
  assert(link:setpeername("127.0.0.1", port))
else
  link = assert(socket.tcp())
  assert(link:connect("127.0.0.1", port))
end
link:settimeout(10)

local function exchange(packet)
  if transport == "udp" then
    assert(link:send(packet))
    return assert(link:receive())
  end
  assert(link:send(string.pack(">s4", packet)))
  return assert(link:receive((string.unpack(">i4", assert(link:receive(4))))))
end

local function ask(address, ...)
  requests = requests + 1
  local answer = decode(exchange(encode("/loopcube/" .. address, token, "lua-" .. transport .. "-" .. requests, ...)))
  if answer.address ~= "/loopcube/reply" then
    error(("%s: %d %s"):format(address, answer[3], answer[4]))
  end
  return table.unpack(answer, 3)
end

print("hello", select(5, ask("hello", 1, 0, "lua", 0)))
local bars = {}
for bar = 0, 400 do bars[#bars + 1] = bar * 88200 end
local request = ('{"v":1,"path":"%s","bars_frames":[%s]}'):format(song, table.concat(bars, ","))
local count = (#request + 999) // 1000
for index = count - 1, 0, -1 do
  print("put", ask("put", "lua-" .. transport, index, count, request:sub(index * 1000 + 1, index * 1000 + 1000)))
end
local job, state = ask("job/start", "lua-" .. transport, #request, crc32(request), 0)
print("start", job, state)
repeat
  state = ask("job/status", job)
  socket.sleep(0.02)
until state == "done"
local bytes, chunks, crc = ask("get/info", job, "manifest")
local parts = {}
for index = 0, chunks - 1 do
  parts[#parts + 1] = select(3, ask("get", job, "manifest", index))
end
local manifest = table.concat(parts)
assert(#manifest == bytes and crc32(manifest) == crc)
print("manifest", manifest)
