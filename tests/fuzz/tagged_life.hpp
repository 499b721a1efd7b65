// tagged_life: two applications exchange tagged bytes over a sub-stream and check that only these arrive, in
// order, datagrams whole and with their address, eof behind the last byte.
#pragma once

#include "fuzz.hpp"

#include <muxpro/session.hpp>
#include <muxpro/sub_datagram.hpp>
#include <muxpro/testing/fault.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <array>
#include <memory>
#include <utility>

namespace fuzz {

using muxpro::error_code;

/// Returns the bytes of a pattern from `at` on, at most 128 KiB. A shift, or bytes of another pattern, show.
inline const_bytes pattern_bytes(unsigned pattern, std::uint64_t at, std::size_t n) {
  constexpr std::size_t period = 262139, most = 128 * 1024;
  static const byte_string all = [] {
    byte_string out(period + most);
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = i < period ? static_cast<std::byte>((state = state * 1664525u + 1013904223u) >> 24)
                          : out[i - period];
    return out;
  }();
  return const_bytes(all).subspan((pattern * 7919u + at) % period, n);
}
inline bool is_pattern(unsigned pattern, std::uint64_t at, const_bytes what) {
  const const_bytes expected = pattern_bytes(pattern, at, what.size());
  return std::equal(what.begin(), what.end(), expected.begin());
}

/// A buffer of exactly the given size.
struct room {
  explicit room(std::size_t n) : size(n), bytes(new std::byte[n]) {}
  asio::mutable_buffer buffer() { return {bytes.get(), size}; }
  const_bytes front(std::size_t n) const { return {bytes.get(), n}; }

  std::size_t size;
  std::unique_ptr<std::byte[]> bytes;
};

/// One side's end of a sub-stream.
struct half {
  muxpro::sub_stream s;
  muxpro::sub_datagram d;
  asio::cancellation_signal stop_read, stop_write;
  bool reading = false, writing = false, shutting = false, shut = false, closed = false, saw_eof = false;
  bool may_be_shut = false;
  bool interrupted = false, torn = false;           ///< the write under way, the last one with bytes left
  std::uint64_t written = 0, offered = 0, got = 0;  ///< bytes; datagrams count as one
  bool is_open() const { return s.is_open() || d.is_open(); }
  bool done() const { return !is_open() || (shut && saw_eof && !reading && !writing); }
};

/// One sub-stream from New to the last End; side 0 is the client's.
struct life {
  unsigned tag = 0;
  bool udp = false, broken = false;  ///< broken: a side went away before its End(0)
  half halves[2];
  unsigned pattern(std::size_t side) const { return 2 * tag + static_cast<unsigned>(side); }
};
using life_ptr = std::shared_ptr<life>;

/// What excuses a failure.
struct world {
  tally handlers;
  std::array<std::shared_ptr<muxpro::testing::fault>, 2> faults{std::make_shared<muxpro::testing::fault>(),
                                                                std::make_shared<muxpro::testing::fault>()};
  bool closing = false;
  bool cut() const { return faults[0]->fired() || faults[1]->fired(); }
};

class speakers {
 public:
  explicit speakers(world& w) : world_(w) {}

  static void take(const life_ptr& l, std::size_t side, muxpro::sub_stream s) {
    if (l->udp)
      l->halves[side].d = muxpro::sub_datagram(std::move(s));
    else
      l->halves[side].s = std::move(s);
  }

  void read(const life_ptr& l, std::size_t side, std::size_t n) {
    half& h = l->halves[side];
    if (h.reading || h.saw_eof) return;
    h.reading = true;
    if (l->udp) return receive(l, side);
    auto into = std::make_shared<room>(n);
    auto then = counted(world_.handlers, [this, l, side, into](error_code ec, std::size_t m) {
      must(m <= into->size && (ec || m > 0), "a read gives bytes or an error");
      was_read(l, side, ec, into->front(m));
    });
    h.s.async_read_some(into->buffer(), asio::bind_cancellation_slot(h.stop_read.slot(), std::move(then)));
  }

  void write(const life_ptr& l, std::size_t side, std::size_t n) {
    half& h = l->halves[side];
    if (h.writing || h.shut || h.shutting) return;
    if (l->udp) return send(l, side, n);
    h.writing = true;
    const const_bytes words = pattern_bytes(l->pattern(side), h.written, n);
    auto data = std::make_shared<byte_string>(words.begin(), words.end());
    h.offered = h.written + n;
    auto then = [this, l, side, data](error_code ec, std::size_t m) {
      half& w = l->halves[side];
      w.writing = false;
      w.torn = std::exchange(w.interrupted, false) && m < data->size();
      w.written += m;
      must(m <= data->size() && (ec || m > 0), "a write sends bytes or fails");
      if (!l->broken && !world_.cut() && !world_.closing) w.offered = w.written;
      failed(l, side, ec);
    };
    h.s.async_write_some(
        asio::buffer(*data),
        asio::bind_cancellation_slot(h.stop_write.slot(), counted(world_.handlers, std::move(then))));
  }
  void shut_down(const life_ptr& l, std::size_t side) {
    half& h = l->halves[side];
    if (h.shut || h.shutting) return;
    h.shutting = true;
    auto then = counted(world_.handlers, [this, l, side](error_code ec) {
      failed(l, side, ec);
      l->halves[side].shutting = false;
      l->halves[side].shut = true;
    });
    // The peer may read the End before the handler reports that it is queued.
    h.shut = true;
    if (l->udp) return h.d.async_shutdown(std::move(then));
    h.s.async_shutdown(std::move(then));
  }

  void interrupt(const life_ptr& l, std::size_t side, choices& c) {
    half& h = l->halves[side];
    const bool reads = c.flag();
    h.interrupted |= !reads && h.writing;
    (reads ? h.stop_read : h.stop_write).emit(asio::cancellation_type::terminal);
  }

  /// Reset, close, or gone, which is a close.
  void leave(const life_ptr& l, std::size_t side, choices& c) {
    half& h = l->halves[side];
    const std::size_t how = c.below(3);
    const bool closes = how != 0;
    if (closes && !h.writing && !h.torn) {
      h.shut = h.closed = true;
    } else {
      l->broken = true;
      // A write that is over, though its handler was not called yet, leaves a clean end to close().
      h.may_be_shut |= closes;
    }
    const auto code = static_cast<muxpro::end_code>(1 + c.below(6));
    if (how == 0) return l->udp ? h.d.reset(code) : h.s.reset(code);
    if (how == 1) return l->udp ? h.d.close() : h.s.close();
    h.s = {};
    h.d = {};
  }

 private:
  void was_read(const life_ptr& l, std::size_t side, error_code ec, const_bytes data) {
    half& h = l->halves[side];
    const half& other = l->halves[1 - side];
    h.reading = false;
    must(is_pattern(l->pattern(1 - side), h.got, data), "bytes come in order, and are the sub-stream's own");
    h.got += data.size();
    must(h.got <= other.offered, "no more comes than was written");
    if (ec != asio::error::eof) return failed(l, side, ec);
    h.saw_eof = true;
    must((other.shut || other.may_be_shut) && h.got == other.written, "eof comes behind the last byte");
  }
  void failed(const life_ptr& l, std::size_t side, error_code ec) const {
    if (!ec || ec == asio::error::operation_aborted) return;
    const bool may = world_.cut() || l->broken || world_.closing || l->halves[side].closed;
    if (!may) must(false, ("no operation fails without a reason: " + ec.message()).c_str());
  }

  // A datagram contains its number, from which its content follows.
  void receive(const life_ptr& l, std::size_t side) {
    struct place {
      room into{66'000};
      muxpro::host_port from;
    };
    auto p = std::make_shared<place>();
    auto then = [this, l, side, p](error_code ec, std::size_t n) {
      half& h = l->halves[side];
      h.reading = false;
      if (ec == asio::error::eof) h.saw_eof = true;
      if (ec)
        return h.saw_eof ? must(l->halves[1 - side].shut || l->halves[1 - side].may_be_shut,
                                "eof behind a shutdown")
                         : failed(l, side, ec);
      const const_bytes data = p->into.front(n);
      must(n >= 2, "a datagram comes whole");
      const auto number =
          std::to_integer<std::uint64_t>(data[0]) * 256 + std::to_integer<std::uint64_t>(data[1]);
      must(number >= h.got && number < l->halves[1 - side].written, "datagrams come in order, and once");
      h.got = number + 1;
      must(is_pattern(l->pattern(1 - side), number, data.subspan(2)), "a datagram is what was sent");
      must(p->from.port == (number % 2 ? 1 : 1000 + number % 1000), "a datagram has its address");
    };
    l->halves[side].d.async_receive_from(
        p->into.buffer(), p->from,
        asio::bind_cancellation_slot(l->halves[side].stop_read.slot(),
                                     counted(world_.handlers, std::move(then))));
  }

  void send(const life_ptr& l, std::size_t side, std::size_t n) {
    half& h = l->halves[side];
    const std::uint64_t number = h.written++;
    h.offered = h.written;
    const const_bytes words = pattern_bytes(l->pattern(side), number, std::min<std::size_t>(n, 65'000));
    auto data = std::make_shared<byte_string>(words.begin(), words.end());
    data->insert(data->begin(), {static_cast<std::byte>(number >> 8), static_cast<std::byte>(number)});
    auto then =
        counted(world_.handlers, [this, l, side, data](error_code ec, std::size_t) { failed(l, side, ec); });
    if (number % 2) return h.d.async_send(asio::buffer(*data), std::move(then));
    h.d.async_send_to(asio::buffer(*data), {"192.0.2.1", static_cast<std::uint16_t>(1000 + number % 1000)},
                      std::move(then));
  }

  world& world_;
};

}  // namespace fuzz
