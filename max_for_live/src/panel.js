// What the panel says: from the device's state to the messages for its objects.
var Panel = (function () {
  "use strict";

  var BUSY = { sending: true, running: true, fetching: true, placing: true };

  function view(device, port) {
    var online = device.client !== null && device.client.online;
    var idle = device.state === "idle";
    return {
      target: ["set", BUSY[device.state] || device.target.words ? device.target.words : "Click an audio clip."],
      status: ["set", status(device, online, port)],
      progress: ["set", BUSY[device.state] ? device.progress : 0],
      extract: ["active", idle && online && device.target.usable ? 1 : 0],
      cancel: ["active", BUSY[device.state] ? 1 : 0],
      report: ["active", idle && device.report !== "" ? 1 : 0]
    };
  }

  function status(device, online, port) {
    if (device.client === null) {
      return device.words || "Starting";
    }
    if (!online) {
      return device.client.refusal() || absent(port, BUSY[device.state]);
    }
    return device.words || "Ready.";
  }

  function absent(port, busy) {
    return (
      "The daemon does not answer on port " + port + ". Start it in a terminal:  loopcube daemon" +
      (busy ? "  Work goes on then." : "")
    );
  }

  // How the placing went, in words.
  function summary(placement, asStems) {
    var said = ["Placed " + counted(placement.placed, "track") + "."];
    if (placement.unwarped > 0) {
      said.push(counted(placement.unwarped, "clip") + " unwarped: will not follow tempo changes.");
    }
    if (placement.failed > 0) {
      said.push(counted(placement.failed, "clip") + " could not be placed.");
    }
    if (asStems) {
      said.push("Too many clips for loops at their bars: stems instead.");
    }
    if (said.length === 1) {
      said.push("Collect All and Save keeps the files with the set.");
    }
    return said.join(" ");
  }

  function counted(number, noun) {
    return number + " " + noun + (number === 1 ? "" : "s");
  }

  return { view: view, summary: summary };
})();
