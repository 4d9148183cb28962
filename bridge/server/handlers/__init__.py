"""What each request does: a message in, its reply out. One module for each of `bridge.osc.messages`' own."""
