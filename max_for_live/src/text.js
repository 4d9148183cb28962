// Text as it travels: JSON in pure ASCII, its CRC-32, and file: URIs as paths.
var Text = (function () {
  "use strict";

  var CHUNK = 1000; // characters of a document in one message

  function hex4(character) {
    return "\\u" + ("000" + character.charCodeAt(0).toString(16)).slice(-4);
  }

  // JSON without a character that OSC, Max or a symbol could take amiss.
  function asciiJson(value) {
    return JSON.stringify(value).replace(/[\u007f-\uffff]/g, hex4);
  }

  // CRC-32 (IEEE 802.3) of ASCII text as a signed number, as OSC has no other.
  function crc32(text) {
    var crc = -1;
    for (var i = 0; i < text.length; i++) {
      crc ^= text.charCodeAt(i);
      for (var bit = 0; bit < 8; bit++) {
        crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
      }
    }
    return ~crc;
  }

  function chunks(text) {
    var cut = [];
    for (var at = 0; at < text.length; at += CHUNK) {
      cut.push(text.slice(at, at + CHUNK));
    }
    return cut;
  }

  // file:///music/a%20b -> /music/a b; file:///C:/music -> C:/music; file://server/share -> //server/share
  function pathOf(uri) {
    var path = decodeURIComponent(uri.replace(/^file:/, "").replace(/^\/\/\//, "/"));
    return path.replace(/^\/([A-Za-z]:)/, "$1");
  }

  // A value as one symbol without spaces or commas, to be kept in a Live set.
  function packed(value) {
    return encodeURIComponent(asciiJson(value));
  }

  // What was packed, or null when the text is something else.
  function unpacked(text) {
    try {
      return JSON.parse(decodeURIComponent(text));
    } catch (error) {
      return null;
    }
  }

  return { asciiJson: asciiJson, crc32: crc32, chunks: chunks, pathOf: pathOf, packed: packed, unpacked: unpacked };
})();
