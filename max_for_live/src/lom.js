// The Live Object Model behind a few plain functions, whose target is an id (a number) or a path. One LiveAPI object
// is pointed at one thing after another: each that is held makes Live slower. Where there is no such object they give
// null, NaN, 0 or "": LiveAPI itself raises nothing.
var Lom = (function () {
  "use strict";

  var cursor = null;

  function at(target) {
    if (cursor === null) {
      cursor = new LiveAPI("live_set");
    }
    if (typeof target === "number") {
      cursor.id = target;
    } else {
      cursor.goto(target);
    }
    return cursor;
  }

  function exists(target) {
    return String(at(target).path).replace(/"/g, "") !== "";
  }

  function pathOf(target) {
    return String(at(target).path).replace(/"/g, "");
  }

  // The list that Live answers with, null when there is no such object.
  function get(target, property) {
    var answer = at(target).get(property);
    return Array.isArray(answer) ? answer : null;
  }

  function number(target, property) {
    var answer = get(target, property);
    return answer === null ? NaN : Number(answer[0]);
  }

  function flag(target, property) {
    return number(target, property) === 1;
  }

  // Names made of digits come back as numbers, and words with spaces may come as several.
  function text(target, property) {
    var answer = get(target, property);
    return answer === null ? "" : answer.map(String).join(" ");
  }

  function ids(target, property) {
    var answer = get(target, property) || [];
    return answer.filter(function (item) {
      return typeof item === "number" && item !== 0;
    });
  }

  function id(target, property) {
    var found = ids(target, property);
    return found.length > 0 ? found[0] : 0;
  }

  function set(target, property, value) {
    at(target).set(property, value);
  }

  // The id of what a call made, 0 when it made nothing or does not tell.
  function call(target, method) {
    var api = at(target);
    var answer = api.call.apply(api, Array.prototype.slice.call(arguments, 1));
    return Array.isArray(answer) && answer[0] === "id" ? Number(answer[1]) : 0;
  }

  function version() {
    return ["get_major_version", "get_minor_version", "get_bugfix_version"].map(function (method) {
      return Number(at("live_app").call(method));
    });
  }

  // Let go of Live: a LiveAPI object keeps listening along its path until the path is empty.
  function release() {
    if (cursor !== null) {
      cursor.path = "";
      cursor = null;
    }
  }

  return {
    exists: exists,
    pathOf: pathOf,
    get: get,
    number: number,
    flag: flag,
    text: text,
    ids: ids,
    id: id,
    set: set,
    call: call,
    version: version,
    release: release
  };
})();
