// Prints what the script's planning makes of many clips: `node plans.js JSON`, a list of facts as clip.js reads them.
"use strict";
const vm = require("vm");
const { script } = require("./fake_max.js");

const context = { patcher: { filepath: "" } };
vm.createContext(context);
vm.runInContext(script(), context);
const plans = JSON.parse(process.argv[2]).map((facts) => {
  try {
    const { region, bars, passes, origin, markers } = context.Plan.plan(facts);
    return { region, bars, passes, origin, markers };
  } catch (refusal) {
    if (!refusal.words) throw refusal;
    return { refused: refusal.words };
  }
});
process.stdout.write(JSON.stringify(plans));
