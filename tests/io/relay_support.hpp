// What the tests of relays share: a relay between two faulty streams over pipes, under a manual clock.
#pragma once

#include "robustness.hpp"

#include <muxpro/relay.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <memory>
#include <string_view>
#include <utility>

namespace io_test {

inline const error_code eof = asio::error::eof;
inline const error_code reset = asio::error::connection_reset;

struct relay_outcome {
  int calls = 0;
  error_code error;
  relay_result result;

  bool done() const { return calls > 0; }
  bool is(error_code expected) const { return calls == 1 && error == expected; }
};

struct keep_relay_outcome {
  relay_outcome* into;
  void operator()(error_code error, relay_result result) const {
    ++into->calls;
    into->error = error;
    into->result = result;
  }
};

template <class Stream>
awaitable<read_result> read_to_end(Stream& s, std::size_t at_once = 16 * 1024) {
  read_result out;
  byte_string buffer(at_once);
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(buffer), as_result);
    out.data.insert(out.data.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n));
    out.error = error;
    if (error) co_return out;
  }
}

/// What one peer of the relay does: sends `to_send`, half-closes, and reads to the end meanwhile.
struct peer_script {
  peer_script() = default;
  explicit peer_script(byte_string data) : to_send(std::move(data)) {}
  byte_string to_send;
  error_code write_error;
  read_result got;
};

template <class Stream>
awaitable<> play_writer(Stream& s, peer_script& script) {
  const auto [error, n] = co_await asio::async_write(s, asio::buffer(script.to_send), as_result);
  script.write_error = error;
  if (!error) co_await s.async_shutdown(as_result);
}
template <class Stream>
awaitable<> play_reader(Stream& s, peer_script& script) {
  script.got = co_await read_to_end(s);
}
template <class Stream>
void play(Stream& s, peer_script& script) {
  spawn(s.get_executor(), play_writer(s, script));
  spawn(s.get_executor(), play_reader(s, script));
}

/// client <-> a, relayed to b <-> server.
struct relayed {
  using stream = faulty_stream<pipe_end>;

  explicit relayed(std::size_t capacity = 65536, std::shared_ptr<fault> faults = std::make_shared<fault>()) {
    auto left = make_pipe(context.get_executor(), capacity);
    auto right = make_pipe(context.get_executor(), capacity);
    client = std::move(left.first);
    server = std::move(right.second);
    a = std::make_unique<stream>(std::move(left.second), faults);
    b = std::make_unique<stream>(std::move(right.first), faults);
  }

  void start(relay_options options = {}) {
    async_relay(*a, *b, options, asio::bind_cancellation_slot(stop.slot(), keep_relay_outcome{&outcome}));
  }
  void run_ready() { io_test::run_ready(context); }
  void advance(duration by) { clock.run_for(context, by); }

  /// From one peer to the other, whole.
  bool passes(pipe_end& from, pipe_end& to, std::string_view text) {
    std::string got(text.size(), '\0');
    bool arrived = false;
    asio::async_write(from, asio::buffer(text), [](error_code, std::size_t) {});
    asio::async_read(to, asio::buffer(got), [&arrived](error_code error, std::size_t) { arrived = !error; });
    run_ready();
    return arrived && got == text;
  }
  /// How reading at a peer ends after `text`.
  error_code end_of(pipe_end& peer, std::string_view text = {}) {
    read_result got;
    bool done = false;
    asio::co_spawn(context, read_to_end(peer), [&](std::exception_ptr, read_result r) {
      got = std::move(r);
      done = true;
    });
    run_ready();
    if (!done) return asio::error::would_block;
    return got.text() == text ? got.error : error_code(asio::error::message_size);
  }
  void shut_down(pipe_end& peer) {
    peer.async_shutdown([](error_code) {});
    run_ready();
  }

  asio::io_context context;
  manual_clock clock{context};
  pipe_end client, server;
  std::unique_ptr<stream> a, b;
  asio::cancellation_signal stop;
  relay_outcome outcome;
};

}  // namespace io_test
