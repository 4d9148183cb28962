// Prints, in hexadecimal, the packet that the fake udpsend makes of a message: `node encode.js ADDRESS JSON`.
"use strict";
const { encode, decode } = require("./osc.js");

const packet = encode(process.argv[2], JSON.parse(process.argv[3]));
decode(packet);
process.stdout.write(packet.toString("hex"));
