// The script's side of Max: what comes in from other objects, and what goes out to them.
autowatch = 0;
inlets = 1;
outlets = 4; // 0 to udpsend, 1 to udpreceive, 2 to the panel, 3 to the memory kept in the set

var TICK = 20; // milliseconds
var LONGEST_TICK = 100; // Live may stand still for seconds, which must not count as waiting for an answer
var ACCESS_FILE = "loopcube_token.txt"; // two lines: token, port
var patch = this.patcher;
var device = null;
var ticker = null;
var clock = { now: 0, wall: 0 };
var shown = {};
var early = []; // messages from before Live was ready

function bang() {
  if (device !== null) {
    return;
  }
  device = new Device({
    send: function (address, values) {
      outlet.apply(null, [0, address].concat(values));
    },
    bind: function (port) {
      outlet(1, "port", port);
    },
    show: show,
    remember: function (text) {
      outlet(3, text);
    },
    open: function (uri) {
      messnamed("max", "launchbrowser", uri);
    }
  });
  var access = readAccess();
  if (access !== null) {
    outlet(0, "port", access.port);
  }
  device.begin(access);
  while (early.length > 0) {
    device.message.apply(device, early.shift());
  }
  clock.wall = new Date().getTime();
  ticker = new Task(tick);
  ticker.interval = TICK;
  ticker.repeat();
}

function anything() {
  var values = arrayfromargs(arguments);
  if (device === null) {
    early.push([messagename, values[0]]);
  } else if (messagename.charAt(0) === "/") {
    if (device.client !== null) {
      guarded(function (address) {
        device.client.receive(address, values);
      });
    }
  } else {
    guarded(function (name) {
      device.message(name, values[0]);
    });
  }
}

function notifydeleted() {
  if (ticker !== null) {
    ticker.cancel();
    device.end();
  }
  Lom.release();
}

function tick() {
  var wall = new Date().getTime();
  clock.now += Math.max(0, Math.min(LONGEST_TICK, wall - clock.wall));
  clock.wall = wall;
  guarded(function () {
    device.tick(clock.now);
  });
}
tick.local = 1;

// An error must not stop the ticking: it is shown, and the device goes on.
function guarded(work) {
  try {
    work(messagename);
  } catch (error) {
    post("loopcube: " + error + "\n");
    device.broken(error);
  }
}
guarded.local = 1;

function show(view) {
  for (var name in view) {
    var text = view[name].join("\n");
    if (shown[name] !== text) {
      shown[name] = text;
      outlet.apply(null, [2, name].concat(view[name]));
    }
  }
}
show.local = 1;

// The token and the port that `loopcube install live` has put beside the device; null without.
function readAccess() {
  var folder = String(patch.filepath).replace(/[^\/\\]*$/, "");
  var lines = readLines(folder + ACCESS_FILE) || readLines(ACCESS_FILE);
  if (lines === null || !/^[0-9a-f]{32}$/.test(lines[0])) {
    return null;
  }
  return { token: lines[0], port: Number(lines[1]) || 47310 };
}
readAccess.local = 1;

function readLines(path) {
  var file = new File(path, "read");
  if (!file.isopen) {
    return null;
  }
  var lines = [String(file.readline(100)).trim(), String(file.readline(100)).trim()];
  file.close();
  return lines;
}
readLines.local = 1;
