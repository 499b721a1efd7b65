// An application that calls its session and sub-streams in any order, as the input requires, and checks
// their results.
#pragma once

#include "fuzz.hpp"

#include <muxpro/session.hpp>
#include <muxpro/sub_datagram.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <array>
#include <memory>
#include <string>

namespace fuzz {

using muxpro::error_code;

/// One sub-stream. Its handlers share it, so that it may be destroyed under them.
struct held_stream {
  muxpro::sub_stream bytes;                       ///< TCP, or UDP used the wrong way
  muxpro::sub_datagram datagrams;                 ///< UDP
  std::array<asio::cancellation_signal, 3> stop;  ///< of the latest read, write, shutdown
  bool saw_end = false;

  bool is_open() const { return bytes.is_open() || datagrams.is_open(); }
  muxpro::stream_stats stats() const { return bytes.is_open() ? bytes.stats() : datagrams.stats(); }
};
using held_ptr = std::shared_ptr<held_stream>;

class application {
 public:
  application(muxpro::session& s, muxpro::role side, std::uint32_t max_window, tally& t)
      : session_(s), side_(side), max_window_(max_window), tally_(t) {}

  /// Does something with the session or a sub-stream.
  void act(choices& c) {
    const std::size_t what = c.below(16);
    if (what < 4) return act_on_session(what, c);
    if (streams_.empty()) return;
    const held_ptr h = streams_[c.below(streams_.size())];
    if (h->is_open()) act_on_stream(what, h, c);
  }

  /// Accepts what there is, and reads as much as can come.
  void take_everything() {
    if (side_ == muxpro::role::server) accept();
    greedy_ = true;
    for (const held_ptr& h : std::vector<held_ptr>(streams_)) read(h, 3000);
  }

  void check() const {
    for (const held_ptr& h : streams_) {
      if (!h->is_open()) continue;
      const muxpro::stream_stats s = h->stats();
      must(s.unread <= s.receive_window, "unread bytes stay within the window");
      must(s.receive_window <= max_window_, "a window stays within its limit");
    }
  }

  void drop_streams() { streams_.clear(); }

 private:
  template <class Then>
  auto once(Then then) {
    return counted<Then>(tally_, std::move(then));
  }
  template <class Then>
  auto stoppable(const held_ptr& h, std::size_t which, Then then) {
    return asio::bind_cancellation_slot(h->stop[which].slot(), once(std::move(then)));
  }

  void act_on_session(std::size_t what, choices& c) {
    switch (what) {
      case 0: return side_ == muxpro::role::client && c.byte() < 224 ? open(c) : accept();
      case 1: return accept_or_open_stop_.emit(asio::cancellation_type::total);
      case 2:
        if (c.byte() < 16) session_.async_drain(once([](error_code) {}));
        return;
      default: static_cast<void>(session_.stats());
    }
  }

  void act_on_stream(std::size_t what, const held_ptr& h, choices& c) {
    switch (what) {
      case 4:
      case 5:
      case 6: return read(h, c.size());
      case 7:
      case 8:
      case 9: return write(h, c);
      case 10: return shut_down(h);
      case 11: return h->stop[c.below(3)].emit(asio::cancellation_type::terminal);
      case 12: return reset(h, static_cast<muxpro::end_code>(c.below(8)));
      case 13: return close(h);
      case 14:
        h->bytes = muxpro::sub_stream();
        h->datagrams = muxpro::sub_datagram();
        return;
      default: h->stop[c.below(3)].emit(asio::cancellation_type::none);
    }
  }

  void accept() {
    session_.async_accept(asio::bind_cancellation_slot(accept_or_open_stop_.slot(),
                                                       once([this](error_code ec, muxpro::sub_stream s) {
                                                         came(ec, std::move(s));
                                                         if (greedy_ && !ec) accept();
                                                       })));
  }

  void open(choices& c) {
    const auto net = c.flag() ? muxpro::network::udp : muxpro::network::tcp;
    const char* const host = c.flag() ? "example.com" : "::1";
    muxpro::open_request request({net, host, 53}, c.byte());
    if (c.flag()) request.first_data.resize(c.size());
    if (c.flag()) request.source = muxpro::global_id{1, 2, 3};
    session_.async_open(std::move(request),
                        asio::bind_cancellation_slot(
                            accept_or_open_stop_.slot(),
                            once([this](error_code ec, muxpro::sub_stream s) { came(ec, std::move(s)); })));
  }

  void came(error_code ec, muxpro::sub_stream s) {
    must(static_cast<bool>(ec) == !s.is_open(), "a sub-stream comes exactly without an error");
    if (ec) return;
    auto h = std::make_shared<held_stream>();
    const bool misused = s.priority() == 77;
    if (s.target().net == muxpro::network::udp && !misused)
      h->datagrams = muxpro::sub_datagram(std::move(s));
    else
      h->bytes = std::move(s);
    streams_.push_back(h);
    if (greedy_) read(h, 3000);
  }

  // The buffers have exactly the given size, and are freed with the handler.
  void read(const held_ptr& h, std::size_t n) {
    if (!h->is_open()) return;
    struct place {
      byte_string room;
      muxpro::host_port from;
    };
    auto p = std::make_shared<place>();
    p->room.resize(n);
    auto then = stoppable(h, 0, [this, h, p](error_code ec, std::size_t m) {
      const std::size_t size = p->room.size();
      must(m <= size, "a read stays within its buffer");
      if (h->bytes.is_open()) must(ec ? m == 0 : m > 0 || size == 0, "a read gives bytes or an error");
      must(!h->saw_end || ec || size == 0, "nothing comes behind the end");
      if (ec == asio::error::eof) h->saw_end = true;
      if (greedy_ && !ec && size > 0 && h->is_open()) read(h, size);
    });
    if (h->bytes.is_open()) return h->bytes.async_read_some(asio::buffer(p->room), std::move(then));
    h->datagrams.async_receive_from(asio::buffer(p->room), p->from, std::move(then));
  }

  void write(const held_ptr& h, choices& c) {
    auto data = std::make_shared<byte_string>(c.size());
    const asio::const_buffer from = asio::buffer(*data);
    auto then = stoppable(h, 1, [data](error_code ec, std::size_t m) {
      must(m <= data->size(), "no more is written than there was");
      must(ec || m > 0 || data->empty(), "a write sends bytes or fails");
    });
    if (h->bytes.is_open()) return h->bytes.async_write_some(from, std::move(then));
    constexpr std::array<const char*, 4> hosts{"192.0.2.1", "2001:db8::1", "name.example", "no name"};
    if (c.flag()) return h->datagrams.async_send(from, std::move(then));
    h->datagrams.async_send_to(from, {hosts[c.below(hosts.size())], c.word()}, std::move(then));
  }

  void shut_down(const held_ptr& h) {
    auto then = stoppable(h, 2, [](error_code) {});
    if (h->bytes.is_open()) return h->bytes.async_shutdown(std::move(then));
    h->datagrams.async_shutdown(std::move(then));
  }
  static void reset(const held_ptr& h, muxpro::end_code code) {
    if (h->bytes.is_open()) return h->bytes.reset(code);
    h->datagrams.reset(code);
  }
  static void close(const held_ptr& h) {
    if (h->bytes.is_open()) return h->bytes.close();
    h->datagrams.close();
  }

  muxpro::session& session_;
  muxpro::role side_;
  std::uint32_t max_window_;
  tally& tally_;
  std::vector<held_ptr> streams_;
  asio::cancellation_signal accept_or_open_stop_;
  bool greedy_ = false;
};

}  // namespace fuzz
