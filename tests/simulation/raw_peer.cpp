#include "raw_peer.hpp"

#include <algorithm>

namespace simulation {

using muxpro::decoder;
using muxpro::role;

raw_peer::raw_peer(world& w, std::uint64_t name, std::shared_ptr<link> l, role side, muxpro::dialect speaks)
    : world_(w),
      name_(name),
      side_(side),
      speaks_(speaks),
      random_(w.fork()),
      wire_(std::move(l), side == role::client ? 0 : 1),
      room_(8192) {
  in_.agreed(muxpro::version_0_1, speaks);
}

void raw_peer::start() {
  if (speaks_ == muxpro::dialect::mux_cool) {
    ready_ = true;
    ready();
  } else if (side_ == role::client) {
    const auto request = muxpro::compatible_request();
    send_bytes({request.begin(), request.end()});
  }
  read_next();
}

void raw_peer::leave() {
  left_ = true;
  wire_.close();
}

// --- reading

void raw_peer::read(bool on) {
  read_off_ = !on;
  if (on) read_next();
}

void raw_peer::read_next() {
  if (reading_ || read_off_ || broken_ || left_) return;
  reading_ = true;
  wire_.async_read_some(asio::buffer(room_), [self = shared_from_this()](error_code ec, std::size_t n) {
    const memory::exempt no_failures;
    self->reading_ = false;
    if (ec) {
      self->broken_ = true;
      return self->lost();
    }
    self->take(const_bytes(self->room_).first(n));
    self->read_next();
  });
}

void raw_peer::take(const_bytes data) {
  while (!data.empty() && !left_) {
    const auto step = in_.next(data);
    data = data.subspan(step.consumed);
    if (step.what == decoder::status::error)
      return world_.complain(fmt::format("raw peer {} gets no frame", name_));
    if (step.what == decoder::status::payload) got_payload(step.payload);
    if (step.what != decoder::status::header) continue;
    if (const auto* f = std::get_if<muxpro::negotiate_version>(&in_.current()))
      negotiate(*f);
    else
      got_frame(in_.current(), in_.payload_left());
  }
}

void raw_peer::negotiate(const muxpro::negotiate_version& f) {
  if (side_ == role::server) {
    muxpro::negotiate_version answer{f.layout, {}};
    answer.versions.push_back(muxpro::version_0_1);
    send(answer);
  }
  if (!std::exchange(ready_, true)) ready();
}

// --- writing

void raw_peer::send_bytes(const std::vector<std::byte>& data) {
  queued_.insert(queued_.end(), data.begin(), data.end());
  write_next();
}

void raw_peer::write_next() {
  if (writing_ || broken_ || left_ || (queued_.empty() && in_flight_.empty())) return;
  if (in_flight_.empty()) std::swap(in_flight_, queued_), sent_ = 0;
  writing_ = true;
  wire_.async_write_some(asio::buffer(in_flight_) + sent_,
                         [self = shared_from_this()](error_code ec, std::size_t n) {
                           const memory::exempt no_failures;
                           self->writing_ = false;
                           if (ec) return;  // the read ends, too
                           self->sent_ += n;
                           if (self->sent_ == self->in_flight_.size()) self->in_flight_.clear();
                           self->write_next();
                         });
}

}  // namespace simulation
