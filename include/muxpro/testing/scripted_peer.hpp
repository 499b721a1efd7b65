// scripted_peer, the other side of a pipe, which a test plays byte for byte, or frame by frame.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/detail/context_service.hpp>
#include <muxpro/pipe.hpp>
#include <muxpro/testing/hex.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/read.hpp>
#include <asio/redirect_error.hpp>
#include <asio/write.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::testing {

/// A peer deviated from the script. what() shows how.
class script_error : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

struct received_frame {
  received_frame() = default;
  frame header;
  std::vector<std::byte> payload;
};

/// One operation at a time. Time is the context's, so that a manual_clock drives it.
class scripted_peer {
 public:
  explicit scripted_peer(pipe_end end, version agreed = version_0_1)
      : end_(std::move(end)), decoder_(agreed) {}

  pipe_end& wire() noexcept { return end_; }
  /// How frames are written and decoded from now on.
  void agreed(version v, dialect d = dialect::spec) noexcept {
    decoder_.agreed(v, d);
    dialect_ = d;
  }

  /// Writes all of it.
  asio::awaitable<void> send(std::string_view hex) { return send_bytes(from_hex(hex)); }
  asio::awaitable<void> send(const frame& f, const_bytes payload = {}) {
    return send_bytes(encoded(f, payload, dialect_));
  }
  asio::awaitable<void> send_bytes(std::vector<std::byte> data) {
    co_await asio::async_write(end_, asio::buffer(data), asio::use_awaitable);
  }

  /// Reads exactly as many bytes and compares them.
  asio::awaitable<void> expect(std::string_view hex) { return expect_bytes(from_hex(hex)); }
  asio::awaitable<void> expect(const frame& f, const_bytes payload = {}) {
    return expect_bytes(encoded(f, payload, dialect_));
  }
  asio::awaitable<void> expect_bytes(std::vector<std::byte> expected) {
    std::vector<std::byte> got(expected.size());
    const error_code error = co_await read(got);
    const std::string difference = hex_difference(expected, got);
    if (error) throw script_error("the wire ended: " + error.message() + "\n" + difference);
    if (!difference.empty()) throw script_error(difference);
  }

  /// Reads and returns `n` bytes.
  asio::awaitable<std::vector<std::byte>> receive(std::size_t n) {
    std::vector<std::byte> got(n);
    const error_code error = co_await read(got);
    if (error) throw script_error("the wire ended: " + error.message() + ", after: " + to_hex(got));
    co_return got;
  }

  /// Reads the next frame and its extra data, not a byte more.
  asio::awaitable<received_frame> expect_frame() {
    received_frame out;
    std::vector<std::byte> seen;
    do {
      std::vector<std::byte> next(1);
      const error_code error = co_await read(next);
      if (error) throw script_error("no frame: " + error.message() + ", after: " + to_hex(seen));
      seen.insert(seen.end(), next.begin(), next.end());
    } while (!decode(seen));
    out.header = decoder_.current();
    out.payload.resize(decoder_.payload_left());
    const error_code error = co_await read(out.payload);
    if (error) throw script_error("a frame broke off: " + error.message() + ", after: " + to_hex(seen));
    skip(out.payload);
    co_return out;
  }

  /// Expects that the other side has shut down, and that no bytes come before.
  asio::awaitable<void> expect_eof() { return expect_end(asio::error::eof); }
  /// The other side has closed its end without shutting down.
  asio::awaitable<void> expect_reset() { return expect_end(asio::error::connection_reset); }

  /// For this long no byte comes, and the wire does not end.
  asio::awaitable<void> expect_silence(detail::clock::duration how_long) {
    const std::shared_ptr<probe> next = read_one();
    detail::context_timer timer(end_.get_executor());
    const auto until = timer.now() + how_long;
    while (!next->done && timer.now() < until) {
      error_code ignored;
      co_await timer.async_wait_until(until, asio::redirect_error(asio::use_awaitable, ignored));
    }
    next->stop.emit(asio::cancellation_type::terminal);
    while (!next->done) co_await asio::post(end_.get_executor(), asio::use_awaitable);
    if (!next->error) throw script_error("no silence, the first byte: " + to_hex(next->byte));
    if (next->error != asio::error::operation_aborted) {
      throw script_error("no silence, the wire ended: " + next->error.message());
    }
  }

  asio::awaitable<void> shutdown() { return end_.async_shutdown(asio::use_awaitable); }
  void close() noexcept { end_.close(); }

 private:
  /// A read that can be given up. Shared with its handler, which may outlive the coroutine.
  struct probe {
    std::array<std::byte, 1> byte{};
    error_code error;
    bool done = false;
    asio::cancellation_signal stop;
  };

  std::shared_ptr<probe> read_one() {
    auto p = std::make_shared<probe>();
    auto finish = [p](error_code error, std::size_t) {
      p->done = true;
      p->error = error;
    };
    end_.async_read_some(asio::buffer(p->byte),
                         asio::bind_cancellation_slot(p->stop.slot(), std::move(finish)));
    return p;
  }

  /// Fills `out`. On an error shortens it to what came before.
  asio::awaitable<error_code> read(std::vector<std::byte>& out) {
    error_code error;
    const std::size_t n =
        co_await asio::async_read(end_, asio::buffer(out), asio::redirect_error(asio::use_awaitable, error));
    out.resize(n);
    co_return error;
  }

  asio::awaitable<void> expect_end(error_code expected) {
    std::vector<std::byte> next(1);
    const error_code error = co_await read(next);
    if (!error) throw script_error("no end of the wire, but a byte: " + to_hex(next));
    if (error != expected) throw script_error("the wire ended with: " + error.message());
  }

  /// Feeds the last byte of `seen`. Returns true once it has completed a frame's header.
  bool decode(const std::vector<std::byte>& seen) {
    const decoder::step s = decoder_.next(const_bytes(seen).last(1));
    if (s.error) throw script_error("no frame: " + s.error.message() + ": " + to_hex(seen));
    return s.what == decoder::status::header;
  }

  void skip(const_bytes payload) {
    while (!payload.empty()) payload = payload.subspan(decoder_.next(payload).consumed);
  }

  pipe_end end_;
  decoder decoder_;
  dialect dialect_ = dialect::spec;
};

}  // namespace muxpro::testing
