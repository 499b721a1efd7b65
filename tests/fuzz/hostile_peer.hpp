// hostile_peer: the peer of a session, which sends arbitrary frames and checks the session's frames against
// them. It cannot see when the session acts on a frame, so its rules are sums over the life of an id.
#pragma once

#include "fuzz.hpp"

#include <muxpro/options.hpp>
#include <muxpro/pipe.hpp>

#include <map>

namespace fuzz {

using muxpro::role;

/// What a session may send for what it was sent, and for what it opened.
class budget_of_frames {
 public:
  budget_of_frames(role side, std::uint32_t max_window, muxpro::dialect speaks)
      : side_(side), max_window_(max_window), mux_cool_(speaks == muxpro::dialect::mux_cool) {}

  /// A frame for the session, not sooner than it is fed.
  void fed(const muxpro::frame& f, std::uint64_t payload) {
    if (const auto* n = std::get_if<muxpro::new_stream>(&f)) {
      if (side_ == role::server) open(*n);
      ids_[n->id].data_in += payload;
    }
    if (const auto* k = std::get_if<muxpro::keep>(&f)) {
      ++ids_[k->id].keeps;
      ids_[k->id].data_in += payload;
    }
    if (const auto* c = std::get_if<muxpro::credit_update>(&f)) ids_[c->id].allowed += c->increment;
  }

  /// A frame of the session.
  void sent(const muxpro::frame& f, std::uint64_t payload) {
    const bool first = !std::exchange(spoke_, true);
    must((first && !mux_cool_) == std::holds_alternative<muxpro::negotiate_version>(f),
         "the negotiation comes first, and once");
    if (const auto* n = std::get_if<muxpro::new_stream>(&f)) {
      must(side_ == role::client, "a server sends no New");
      open(*n);
      pay(ids_[n->id], payload);
    }
    if (const auto* k = std::get_if<muxpro::keep>(&f)) {
      id_totals& id = ids_[k->id];
      must(id.ends < id.opened + id.keeps, "no data behind an End");
      must(payload > 0 || id.udp, "no empty Keep");
      pay(id, payload);
    }
    if (const auto* e = std::get_if<muxpro::end>(&f)) {
      id_totals& id = ids_[e->id];
      must(++id.ends <= id.opened + id.keeps, "one End for each sub-stream, one answer to a stray Keep");
    }
    if (const auto* c = std::get_if<muxpro::credit_update>(&f)) grant(ids_[c->id], c->increment);
  }

 private:
  struct id_totals {
    bool udp = false;
    std::uint64_t opened = 0, keeps = 0, ends = 0;
    std::uint64_t data_in = 0, granted = 0;
    std::uint64_t data_out = 0, allowed = 0;
  };

  void open(const muxpro::new_stream& n) {
    id_totals& id = ids_[n.id];
    ++id.opened;
    id.allowed += 65536;
    if (n.target.net == muxpro::network::udp) id.udp = true;
  }
  void pay(id_totals& id, std::uint64_t n) const {
    id.data_out += n;
    must(mux_cool_ || id.data_out <= id.allowed, "no data without credit");
    must(!mux_cool_ || n <= 8192, "no longer frame than V2Ray sends");
  }
  void grant(id_totals& id, std::uint64_t n) const {
    must(n > 0 && !mux_cool_, "no credit of 0, and none in Mux.Cool");
    id.granted += n;
    must(id.granted <= id.data_in + id.opened * (max_window_ - 65536),
         "credit for what was taken, and the window");
  }

  role side_;
  std::uint64_t max_window_;
  bool mux_cool_;
  bool spoke_ = false;
  std::map<muxpro::stream_id, id_totals> ids_;
};

template <class Tell>
bool decode_all(muxpro::decoder& d, const_bytes in, Tell tell) {
  while (!in.empty()) {
    const auto step = d.next(in);
    if (step.what == muxpro::decoder::status::error) return false;
    if (step.what == muxpro::decoder::status::header) tell(d.current(), d.payload_left());
    in = in.subspan(step.consumed);
  }
  return true;
}

class hostile_peer {
 public:
  hostile_peer(muxpro::pipe_end end, role session_side, std::uint32_t max_window, muxpro::dialect speaks)
      : end_(std::move(end)), rules_(session_side, max_window, speaks), speaks_(speaks) {
    for (muxpro::decoder* d : {&in_, &out_}) d->agreed(muxpro::version_0_1, speaks);
    read();
  }
  hostile_peer(const hostile_peer&) = delete;
  hostile_peer& operator=(const hostile_peer&) = delete;

  void feed(const_bytes data) {
    // Behind broken framing a session reads nothing any more.
    sane_ = sane_ && decode_all(in_, data, [this](const auto& f, std::size_t n) { rules_.fed(f, n); });
    queue_.insert(queue_.end(), data.begin(), data.end());
    write();
  }
  void feed(const muxpro::frame& f, const_bytes payload = {}) { feed(muxpro::encoded(f, payload, speaks_)); }

  /// Lets the session's bytes lie, or takes them.
  void listen(bool yes) {
    listens_ = yes;
    read();
  }

  /// No more bytes; a session that does not read does not learn it.
  void shut_down() {
    if (writing_ || !end_.is_open()) return end_.close();
    end_.async_shutdown([](muxpro::error_code) {});
  }
  void close() { end_.close(); }

 private:
  void write() {
    if (writing_ || queue_.empty() || !end_.is_open()) return;
    writing_ = true;
    std::swap(in_flight_, queue_);
    queue_.clear();
    write_rest(0);
  }
  void write_rest(std::size_t at) {
    if (at == in_flight_.size()) return writing_ = false, write();
    end_.async_write_some(asio::buffer(in_flight_) + at, [this, at](muxpro::error_code ec, std::size_t n) {
      if (!ec) return write_rest(at + n);
      writing_ = false;
    });
  }

  void read() {
    if (reading_ || !listens_ || !end_.is_open()) return;
    reading_ = true;
    end_.async_read_some(asio::buffer(room_), [this](muxpro::error_code ec, std::size_t n) {
      reading_ = false;
      const bool sane = decode_all(out_, const_bytes(room_).first(n),
                                   [this](const auto& f, std::size_t size) { rules_.sent(f, size); });
      must(sane, "what a session sends can be decoded");
      if (!ec) read();
    });
  }

  muxpro::pipe_end end_;
  budget_of_frames rules_;
  muxpro::dialect speaks_;
  muxpro::decoder in_, out_;
  bool sane_ = true, writing_ = false, reading_ = false, listens_ = true;
  byte_string queue_, in_flight_;
  std::array<std::byte, 4096> room_{};
};

}  // namespace fuzz
