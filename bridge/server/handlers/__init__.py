"""The handlers: a request message in, its reply out. There is one module for each module of `bridge.osc.messages`."""
