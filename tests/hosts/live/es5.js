// Parses a script as ECMAScript 5, which is all that [js] understands; run with --expose-internals. The parser is acorn,
// which is part of Node itself.
"use strict";
const fs = require("fs");
const acorn = require("internal/deps/acorn/acorn/dist/acorn");

try {
  acorn.parse(fs.readFileSync(process.argv[2], "utf8"), { ecmaVersion: 5, locations: true });
} catch (error) {
  process.stdout.write(`${process.argv[2]}: ${error.message}\n`);
  process.exitCode = 1;
}
