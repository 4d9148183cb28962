// The library "osc" of npm on one socket, both ways: node npm_osc.js PORT TOKEN SONG
// Starts a job, asks for it until it is done, and sends what the daemon has to refuse.
"use strict";

const osc = require("osc");
const [port, token, song] = [Number(process.argv[2]), process.argv[3], process.argv[4]];
const udp = new osc.UDPPort({ localAddress: "127.0.0.1", localPort: 0, remoteAddress: "127.0.0.1", remotePort: port });
let requests = 0;
let job = "";

function ask(address, ...args) {
    requests += 1;
    udp.send({ address: "/loopcube/" + address, args: [token, "npm-" + requests, ...args] });
}

udp.on("message", ({ address, args }) => {
    console.log(address, JSON.stringify(args));
    if (args[1] === "/loopcube/extract") ask("job/status", (job = args[2]));
    if (args[1] === "/loopcube/job/status" && args[2] !== "done") setTimeout(ask, 20, "job/status", job);
    if (args[1] === "/loopcube/job/status" && args[2] === "done") ask("describe", 0); // which this library sends as a float
    if (address === "/loopcube/error") process.exit(0);
});
udp.on("ready", () => ask("extract", song, '{"loops":3}'));
udp.open();
setTimeout(() => process.exit(1), 20000);
