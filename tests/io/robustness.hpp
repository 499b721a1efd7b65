// The attacks on sessions share a peer that is played byte for byte and at once, frames as text, counted
// handlers, and bytes that identify their sender.
#pragma once

#include "session_support.hpp"

#include <muxpro/sub_datagram.hpp>

#include <fmt/format.h>

#include <asio/bind_cancellation_slot.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace io_test {

using muxpro::testing::from_hex;
using muxpro::testing::to_hex;

inline const error_code no_error;

/// Runs what is ready, and what that makes ready.
inline void run_ready(asio::io_context& context, std::size_t most = 20'000'000) {
  context.restart();
  for (std::size_t n = 0; context.poll_one() != 0; ++n) {
    if (n == most) throw std::runtime_error("the context does not come to rest");
  }
}

// --- handlers

/// What became of the handlers of a test.
struct ledger {
  std::size_t begun = 0;
  std::size_t called = 0;
  std::shared_ptr<int> token = std::make_shared<int>();

  /// Handlers that exist somewhere.
  std::size_t alive() const { return static_cast<std::size_t>(token.use_count()) - 1; }
};

template <class Then>
class counted_handler {
 public:
  counted_handler(ledger& l, Then then) : ledger_(&l), token_(l.token), then_(std::move(then)) { ++l.begun; }

  template <class... Args>
  void operator()(Args&&... args) {
    ++ledger_->called;
    std::move(then_)(std::forward<Args>(args)...);
  }

 private:
  ledger* ledger_;
  std::shared_ptr<int> token_;
  Then then_;
};

/// A handler that `l` counts.
template <class Then>
counted_handler<Then> counted(ledger& l, Then then) {
  return counted_handler<Then>(l, std::move(then));
}

/// The result of one operation.
struct outcome {
  int calls = 0;
  error_code error;
  std::size_t n = 0;
  sub_stream stream;

  bool done() const { return calls > 0; }
  bool is(error_code expected) const { return calls == 1 && error == expected; }
};

struct keep_outcome {
  outcome* into;
  void operator()(error_code error) const {
    ++into->calls;
    into->error = error;
  }
  void operator()(error_code error, std::size_t n) const {
    (*this)(error);
    into->n = n;
  }
  void operator()(error_code error, sub_stream s) const {
    (*this)(error);
    into->stream = std::move(s);
  }
};

/// A completion token: the result goes into `o`, which outlives the operation.
inline keep_outcome into(outcome& o) { return keep_outcome{&o}; }
/// Likewise, and `stop` cancels it.
inline auto into(outcome& o, asio::cancellation_signal& stop) {
  return asio::bind_cancellation_slot(stop.slot(), keep_outcome{&o});
}

// --- bytes

/// Several pieces of hex as bytes.
inline byte_string joined(std::initializer_list<std::string> parts) {
  byte_string all;
  for (const std::string& hex : parts) {
    const byte_string part = from_hex(hex);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

/// The bytes of `tag` from offset `from` on, at most 128 KiB at a time. They differ between tags and between
/// offsets.
inline const_bytes said_by(std::uint64_t tag, std::uint64_t from, std::size_t n) {
  constexpr std::size_t period = 262139, most = 128 * 1024;
  static const byte_string all = [] {
    std::mt19937_64 random(1);
    byte_string out = test::random_bytes(random, period);
    const byte_string again(out.begin(), out.begin() + most);
    out.insert(out.end(), again.begin(), again.end());
    return out;
  }();
  if (n > most) throw std::logic_error("said_by() gives at most 128 KiB");
  return const_bytes(all).subspan((tag * 7919 + from) % period, n);
}

inline bool is_said_by(std::uint64_t tag, std::uint64_t from, const_bytes in) {
  const const_bytes expected = said_by(tag, from, in.size());
  return std::equal(in.begin(), in.end(), expected.begin());
}

/// Steps of a random test, fewer where each costs more.
inline std::size_t steps(std::size_t n) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return n / 10;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return n / 10;
#else
  return n;
#endif
#else
  return n;
#endif
}

// --- frames as text

struct summary_of_stream {
  std::string data;
  std::vector<end_code> ends;
  std::uint64_t credit = 0;
};

inline std::string quoted(const std::string& data) {
  if (data.size() > 40) return fmt::format("{} bytes", data.size());
  return fmt::format("\"{}\"", data);
}

/// What a wire holds, by sub-stream, so that cuts of data into frames do not matter:
/// `1 "hello" end; 2 end 5; 3 credit 32768`. News and keep-alives are left out.
inline std::string summary(const byte_string& wire, version v = version_0_1) {
  std::map<stream_id, summary_of_stream> streams;
  decoder d(v);
  std::string tail;
  for (const_bytes in(wire); !in.empty();) {
    const auto step = d.next(in);
    in = in.subspan(step.consumed);
    if (step.what == decoder::status::error) return "no frames: " + to_hex(wire);
    const frame& f = d.current();
    if (step.what == decoder::status::payload) {
      streams[std::get<keep>(f).id].data += to_text(step.payload);
    } else if (step.what == decoder::status::header) {
      if (const auto* e = std::get_if<end>(&f)) streams[e->id].ends.push_back(e->code);
      if (const auto* c = std::get_if<credit_update>(&f)) streams[c->id].credit += c->increment;
      if (std::holds_alternative<negotiate_version>(f)) tail += "; negotiation";
    }
  }
  std::string out;
  for (const auto& [id, s] : streams) {
    std::string line = fmt::format("{}", id);
    if (!s.data.empty()) line += " " + quoted(s.data);
    for (const end_code code : s.ends) {
      line += code == end_code::graceful ? std::string(" end")
                                         : fmt::format(" end {}", static_cast<unsigned>(code));
    }
    if (s.credit > 0) line += fmt::format(" credit {}", s.credit);
    out += (out.empty() ? "" : "; ") + line;
  }
  return out + tail + (d.at_boundary() ? "" : "; cut off");
}

// --- a raw peer

/// The other end of a pipe. It writes the bytes that the test gives it, and keeps the bytes that it
/// receives. After each call everything has run that can run without time passing.
class raw_peer {
 public:
  raw_peer(asio::io_context& context, pipe_end wire)
      : context_(&context), state_(std::make_shared<state>(std::move(wire))) {
    read(state_);
  }

  void write(byte_string data) {
    auto s = state_;
    auto held = std::make_shared<byte_string>(std::move(data));
    asio::async_write(s->wire, asio::buffer(*held),
                      [s, held](error_code e, std::size_t) { s->write_error = e; });
    run_ready(*context_);
  }
  void write(std::string_view hex) { write(from_hex(hex)); }
  /// One byte a time; in the middle of much data 997.
  void write_each_byte(const byte_string& data) {
    constexpr std::size_t edge = 200;
    for (std::size_t at = 0; at < data.size();) {
      const bool inside = at > edge && at + edge + 997 < data.size();
      const auto from = data.begin() + static_cast<std::ptrdiff_t>(at);
      write(byte_string(from, from + (inside ? 997 : 1)));
      at += inside ? 997 : 1;
    }
  }
  void shutdown() {
    state_->wire.async_shutdown([s = state_](error_code) {});
    run_ready(*context_);
  }
  void close() {
    state_->wire.close();
    run_ready(*context_);
  }

  /// What came since the last call.
  byte_string take() { return std::exchange(state_->received, {}); }
  std::string take_hex() { return to_hex(take()); }
  /// How the wire ended; no error while it has not.
  error_code ended() const { return state_->ended; }
  error_code write_error() const { return state_->write_error; }

 private:
  struct state {
    explicit state(pipe_end w) : wire(std::move(w)) {}
    pipe_end wire;
    byte_string received;
    byte_string buffer = byte_string(64 * 1024);
    error_code ended, write_error;
  };

  static void read(std::shared_ptr<state> s) {
    auto& wire = s->wire;
    const auto room = asio::buffer(s->buffer);
    wire.async_read_some(room, [s](error_code error, std::size_t n) mutable {
      const auto end = s->buffer.begin() + static_cast<std::ptrdiff_t>(n);
      s->received.insert(s->received.end(), s->buffer.begin(), end);
      s->ended = error;
      if (!error) read(std::move(s));
    });
  }

  asio::io_context* context_;
  std::shared_ptr<state> state_;
};

/// The request of NEG-01 and its answer: version 0.0, layout S.
inline constexpr const char* hello_0_0 = "0005 0000 0001 01 0004 00000000";
/// Version 0.1.
inline constexpr const char* hello_0_1 = "0005 0000 0001 01 0004 00000001";
/// Version 0.1 in the layout of the Go code.
inline constexpr const char* hello_go = "0004 0000 0001 0005 01 00000001";

}  // namespace io_test
