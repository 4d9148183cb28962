// The daemon's client: requests and their answers, each sent until it is answered; hello, lease and reply port.
//
// `udpreceive` does not say whether it got its port, so the port is found by trying: hello names one, and if no answer
// comes the next is taken. While nobody answers, requests wait; they go out again once somebody does.
//
// io: send(address, list of arguments), bind(port), told(online). Time is what `tick` is given, in milliseconds.
var Client = (function () {
  "use strict";

  var FIRST_REPLY_PORT = 9310;
  var REPLY_PORTS = 20;
  var HELLO_EVERY = 600;
  var HELLOS_A_PORT = 3;
  var RESEND_AFTER = [250, 500, 1000, 2000, 2000];
  var CHUNK_AFTER = [250, 250, 250, 250, 500, 500, 1000, 2000];
  var AT_ONCE = 8;
  var PING_EVERY = 5000; // a third of the lease
  var VERSION = [1, 0];

  function Client(io, token, name) {
    this.online = false;
    this.bootId = "";
    this._io = io;
    this._token = token;
    this._name = name;
    this._prefix = name + "." + Math.floor(Math.random() * 0x7fffffff).toString(36) + ".";
    this._count = 0;
    this._now = 0;
    this._waiting = []; // in their order; the first AT_ONCE are under way
    this._events = {};
    this._replyPort = -1;
    this._hello = { rid: "", tries: HELLOS_A_PORT, due: 0 };
    this._heard = 0;
    this._refused = "";
  }

  // answered(list of values) or refused(code, text) is called once, unless the client is closed before.
  Client.prototype.request = function (address, values, answered, refused) {
    this._queue(address, values, answered, refused, RESEND_AFTER);
  };

  Client.prototype.on = function (address, handler) {
    this._events[address] = handler;
  };

  // Upload a document; done(its name) or refused(code, text).
  Client.prototype.upload = function (text, done, refused) {
    var name = this._newName();
    var chunks = Text.chunks(text);
    var gather = gatherer(chunks.length, function () {
      done(name);
    }, refused);
    for (var i = 0; i < chunks.length; i++) {
      var values = [name, i, chunks.length, chunks[i]];
      this._queue("/loopcube/put", values, gather.answered(i), gather.refused, CHUNK_AFTER);
    }
  };

  // Pull a document of a job, once more if it changed on the way; done(text) or refused(code, text).
  Client.prototype.download = function (job, name, done, refused) {
    this._download(job, name, done, refused, 1);
  };

  Client.prototype.receive = function (address, values) {
    if (address === "/loopcube/reply") {
      this._answer(values[0], function (waiting) {
        waiting.answered(values.slice(2));
      }, values);
    } else if (address === "/loopcube/error") {
      this._answer(values[0], function (waiting) {
        waiting.refused(values[2], String(values[3]));
      }, values);
    } else if (this._events[address]) {
      this._events[address](values);
    }
  };

  Client.prototype.tick = function (now) {
    this._now = now;
    if (!this.online) {
      this._greet();
      return;
    }
    if (now - this._heard > PING_EVERY && this._waiting.length === 0) {
      this._ping();
    }
    this._sendDue();
  };

  // Forget the requests that wait for an answer; none of their handlers is called any more.
  Client.prototype.forget = function () {
    this._waiting = [];
  };

  Client.prototype.close = function () {
    if (this.online) {
      this._io.send("/loopcube/bye", [this._token, this._newName()]);
    }
    this.forget();
    this.online = false;
  };

  // Why the daemon turned this client away, "" if it did not.
  Client.prototype.refusal = function () {
    return this._refused;
  };

  Client.prototype._newName = function () {
    this._count += 1;
    return this._prefix + this._count;
  };

  Client.prototype._queue = function (address, values, answered, refused, waits) {
    var rid = this._newName();
    this._waiting.push({
      rid: rid,
      address: address,
      values: [this._token, rid].concat(values),
      answered: answered,
      refused: refused,
      waits: waits,
      sent: 0,
      due: 0
    });
  };

  Client.prototype._sendDue = function () {
    var under = this._waiting.slice(0, AT_ONCE);
    for (var i = 0; i < under.length && this.online; i++) {
      var waiting = under[i];
      if (waiting.due > this._now) {
        continue;
      }
      if (waiting.sent > waiting.waits.length) {
        this._lost();
      } else {
        this._io.send(waiting.address, waiting.values);
        waiting.due = this._now + waiting.waits[Math.min(waiting.sent, waiting.waits.length - 1)];
        waiting.sent += 1;
      }
    }
  };

  Client.prototype._answer = function (rid, tell, values) {
    if (rid === this._hello.rid && !this.online) {
      this._greeted(values);
      return;
    }
    for (var i = 0; i < this._waiting.length; i++) {
      if (this._waiting[i].rid === rid) {
        this._heard = this._now;
        tell(this._waiting.splice(i, 1)[0]);
        return;
      }
    }
  };

  Client.prototype._greet = function () {
    var hello = this._hello;
    if (this._now < hello.due) {
      return;
    }
    if (hello.tries === HELLOS_A_PORT) {
      this._replyPort = (this._replyPort + 1) % REPLY_PORTS;
      this._io.bind(FIRST_REPLY_PORT + this._replyPort);
      hello.tries = 0;
      hello.rid = this._newName();
    }
    hello.tries += 1;
    hello.due = this._now + HELLO_EVERY;
    var port = FIRST_REPLY_PORT + this._replyPort;
    this._io.send("/loopcube/hello", [this._token, hello.rid, VERSION[0], VERSION[1], this._name, port]);
  };

  Client.prototype._greeted = function (values) {
    if (values.length < 8) {
      this._refused = String(values[3]); // an error: another version
      return;
    }
    this.online = true;
    this.bootId = values[5];
    this._refused = "";
    this._heard = this._now;
    this._waiting.forEach(function (waiting) {
      waiting.sent = 0;
      waiting.due = 0;
    });
    this._io.told(true);
  };

  Client.prototype._ping = function () {
    var self = this;
    this.request("/loopcube/ping", [], function (values) {
      if (values[0] !== self.bootId) {
        self._lost(); // another daemon, which has not been told where to answer from now on
      }
    }, function () {});
  };

  // Nobody answers. The port has worked, so hello begins with it.
  Client.prototype._lost = function () {
    this.online = false;
    this._hello = { rid: this._newName(), tries: 0, due: 0 };
    this._io.told(false);
  };

  Client.prototype._download = function (job, name, done, refused, again) {
    var self = this;
    this.request("/loopcube/get/info", [job, name], function (info) {
      var gather = gatherer(info[1], function (chunks) {
        var text = chunks.join("");
        if (Text.crc32(text) === info[2]) {
          done(text);
        } else if (again > 0) {
          self._download(job, name, done, refused, again - 1);
        } else {
          refused(-16, "The " + name + " changes while it is read. Try again.");
        }
      }, refused);
      for (var i = 0; i < info[1]; i++) {
        self._queue("/loopcube/get", [job, name, i], gather.answered(i), gather.refused, CHUNK_AFTER);
      }
    }, refused);
  };

  // Collects the third value of `count` answers; of several refusals only the first is told.
  function gatherer(count, done, refused) {
    var found = [];
    var left = count;
    var over = false;
    return {
      answered: function (index) {
        return function (values) {
          found[index] = values[2];
          left -= 1;
          if (left === 0 && !over) {
            done(found);
          }
        };
      },
      refused: function (code, text) {
        if (!over) {
          over = true;
          refused(code, text);
        }
      }
    };
  }

  return Client;
})();
