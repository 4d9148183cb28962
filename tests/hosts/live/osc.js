// OSC 1.0 messages of ints, floats and strings, as Max's udpsend writes and udpreceive reads them.
"use strict";

function padded(text) {
  const length = Buffer.byteLength(text) + 1;
  const buffer = Buffer.alloc(Math.ceil(length / 4) * 4);
  buffer.write(text);
  return buffer;
}

// Max has no other numbers in a script than doubles: whole ones leave as ints, the others as floats.
function encode(address, values) {
  let tags = ",";
  const parts = values.map((value) => {
    if (typeof value === "string") {
      tags += "s";
      return padded(value);
    }
    if (typeof value !== "number" || value !== value) throw new Error(`${address}: cannot send ${value}`);
    const buffer = Buffer.alloc(4);
    tags += Number.isInteger(value) ? "i" : "f";
    if (Number.isInteger(value)) buffer.writeInt32BE(value);
    else buffer.writeFloatBE(value);
    return buffer;
  });
  return Buffer.concat([padded(address), padded(tags), ...parts]);
}

function decode(packet) {
  if (packet.length % 4 !== 0) throw new Error(`packet size ${packet.length} is not a multiple of 4`);
  let at = 0;
  const text = () => {
    const end = packet.indexOf(0, at);
    const found = packet.toString("utf8", at, end);
    at += Math.ceil((end - at + 1) / 4) * 4;
    return found;
  };
  const address = text();
  const values = [...text().slice(1)].map((tag) => {
    if (tag === "s") return text();
    at += 4;
    return tag === "i" ? packet.readInt32BE(at - 4) : packet.readFloatBE(at - 4);
  });
  return [address, values];
}

module.exports = { encode, decode };
