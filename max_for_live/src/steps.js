// Work on Live in single steps, one a tick, each looked at before the next begins.
//
// A step: {act: does one thing (false: not finished, call it again), check: whether it has happened, tries, every}.
// What has not happened after so many looks is done once more, and looked at as often again. Steps come in groups; when
// one fails, the rest of its group is dropped and group.failed() may add others.
var Steps = (function () {
  "use strict";

  var TRIES = 10;
  var EVERY = 100; // milliseconds between two looks

  function Steps() {
    this._queue = [];
    this._current = null;
  }

  Steps.prototype.add = function (group, steps) {
    this._queue = this._queue.concat(inGroup(group, steps));
  };

  // Steps that come before all others, in their order: for what is known only once a step is done.
  Steps.prototype.addNext = function (group, steps) {
    this._queue = inGroup(group, steps).concat(this._queue);
  };

  Steps.prototype.clear = function () {
    this._queue = [];
    this._current = null;
  };

  Steps.prototype.left = function () {
    return this._queue.length + (this._current ? 1 : 0);
  };

  // Do one thing; whether there is more to do.
  Steps.prototype.tick = function (now) {
    if (this._current === null) {
      this._begin(now);
    } else if (now >= this._current.due) {
      this._look(now);
    }
    return this.left() > 0;
  };

  Steps.prototype._begin = function (now) {
    var next = this._queue.shift();
    if (!next) {
      return;
    }
    var refused = next.step.act && next.step.act() === false;
    if (!next.step.check && !refused) {
      return;
    }
    var wait = refused ? next.step.every || EVERY : 0;
    this._current = { step: next.step, group: next.group, tries: 1, again: 1, refused: refused, due: now + wait };
  };

  Steps.prototype._look = function (now) {
    var current = this._current;
    if (current.refused) {
      current.refused = current.step.act() === false;
    }
    if (!current.refused && (!current.step.check || current.step.check())) {
      if (this._current === current) {
        this._current = null;
      }
      return;
    }
    current.tries += 1;
    current.due = now + (current.step.every || EVERY);
    if (current.tries <= (current.step.tries || TRIES)) {
      return;
    }
    if (current.again > 0 && current.step.act && current.step.check) {
      current.again -= 1;
      current.tries = 1;
      current.refused = current.step.act() === false;
    } else {
      this._fail(current.group);
    }
  };

  Steps.prototype._fail = function (group) {
    this._current = null;
    this._queue = this._queue.filter(function (item) {
      return item.group !== group;
    });
    if (group.failed) {
      group.failed();
    }
  };

  function inGroup(group, steps) {
    return steps.map(function (step) {
      return { group: group, step: step };
    });
  }

  return Steps;
})();
