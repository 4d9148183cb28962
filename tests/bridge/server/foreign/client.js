// A client in JavaScript with nothing but Node's datagrams: node client.js PORT TOKEN SONG
// Says hello with another port for the answers, as Max does; starts a job, follows its events, and leaves.
"use strict";

const dgram = require("dgram");
const [port, token, song] = [Number(process.argv[2]), process.argv[3], process.argv[4]];
let requests = 0;

function text(value) {
    const bytes = Buffer.from(value, "utf8");
    return Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}

function encode(address, args) {
    const parts = args.map((value) => {
        if (typeof value === "string") return text(value);
        const number = Buffer.alloc(4);
        number.writeInt32BE(value);
        return number;
    });
    const tags = args.map((value) => (typeof value === "string" ? "s" : "i")).join("");
    return Buffer.concat([text(address), text("," + tags), ...parts]);
}

function decode(packet) {
    let at = 0;
    function string() {
        const end = packet.indexOf(0, at);
        const value = packet.toString("utf8", at, end);
        at = end + 4 - (end % 4);
        return value;
    }
    const address = string();
    const args = [...string().slice(1)].map((tag) => {
        if (tag === "s") return string();
        const value = tag === "i" ? packet.readInt32BE(at) : packet.readFloatBE(at);
        at += 4;
        return value;
    });
    return { address, args };
}

const out = dgram.createSocket("udp4");
const back = dgram.createSocket("udp4");

function ask(address, ...args) {
    requests += 1;
    out.send(encode("/loopcube/" + address, [token, "node-" + requests, ...args]), port, "127.0.0.1");
}

back.on("message", (packet) => {
    const { address, args } = decode(packet);
    console.log(address, JSON.stringify(args));
    if (args[1] === "/loopcube/hello") ask("subscribe", "");
    if (args[1] === "/loopcube/subscribe") ask("extract", song, "");
    if (address === "/loopcube/event/job" && args[2] === "done") ask("bye");
    if (args[1] === "/loopcube/bye") process.exit(0);
});
back.bind(0, "127.0.0.1", () => ask("hello", 1, 0, "node", back.address().port));
setTimeout(() => process.exit(1), 20000);
