// A stream that watches what a session puts on its wire, and checks the rules that hold whatever the
// application does: one End a side, nothing behind an End, no byte without credit, no id before its time.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/detail/asio.hpp>
#include <muxpro/options.hpp>

#include <fmt/format.h>
#include <asio/compose.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace test {

using namespace muxpro;

/// wire_rules: checks the frames of one side by the frames of both directions.
class wire_rules {
 public:
  explicit wire_rules(role side) : side_(side) {}

  std::vector<std::string> broken;
  std::uint64_t frames = 0;
  /// The session may send before it comes to a frame that it has read: its read budget is that small.
  bool lags = false;

  /// Every sub-stream has both Ends.
  bool settled() const {
    return std::all_of(streams_.begin(), streams_.end(), [](const auto& s) { return !s.second.open(); });
  }

  void sent(const frame& f, std::size_t payload) {
    ++frames;
    if (const auto* x = std::get_if<new_stream>(&f)) open(*x, payload, 0, side_ == role::client);
    if (const auto* x = std::get_if<keep>(&f)) send_data(x->id, payload);
    if (const auto* x = std::get_if<end>(&f)) send_end(x->id, x->code);
    if (const auto* x = std::get_if<credit_update>(&f)) send_credit(x->id, x->increment);
  }

  void received(const frame& f, std::size_t payload) {
    if (const auto* x = std::get_if<new_stream>(&f)) open(*x, 0, payload, side_ == role::server);
    if (const auto* x = std::get_if<keep>(&f)) streams_[x->id].received += payload;
    if (const auto* x = std::get_if<credit_update>(&f)) streams_[x->id].allowed += x->increment;
    if (const auto* x = std::get_if<end>(&f)) streams_[x->id].peer_ended = true;
  }

 private:
  struct stream {
    bool ended = true, aborted = false, peer_ended = true, udp = false;
    std::uint64_t sent = 0, allowed = 65536, received = 0, granted = 65536;
    bool open() const { return !ended || !peer_ended; }
  };

  void complain(const char* what, stream_id id) {
    if (broken.size() < 10)
      broken.push_back(fmt::format("{} {}: {}", side_ == role::client ? "client" : "server", id, what));
  }

  void open(const new_stream& f, std::size_t sent_bytes, std::size_t received_bytes, bool allowed) {
    const stream_id id = f.id;
    if (!allowed) complain("New from a server", id);
    stream& s = streams_[id];
    if (id == 0 || s.open()) complain("New for an id in use", id);
    s = stream();
    s.ended = s.peer_ended = false;
    s.udp = f.target.net == network::udp;
    s.sent = sent_bytes;
    s.received = received_bytes;
  }
  void send_data(stream_id id, std::size_t n) {
    stream& s = streams_[id];
    if (s.ended) complain("data behind an End", id);
    if (n == 0 && !s.udp) complain("an empty Keep", id);
    s.sent += n;
    if (s.sent > s.allowed) complain("data without credit", id);
  }
  void send_end(stream_id id, end_code code) {
    stream& s = streams_[id];
    if (s.ended) complain("a second End", id);
    s.ended = true;
    s.aborted = code != end_code::graceful;
  }
  void send_credit(stream_id id, std::uint32_t n) {
    stream& s = streams_[id];
    if (s.aborted) complain("credit behind an abort", id);
    if (s.ended && s.peer_ended && !lags) complain("credit behind both Ends", id);
    if (n == 0) complain("credit of 0", id);
    s.granted += n;
  }

  role side_;
  std::map<stream_id, stream> streams_;
};

namespace tap_detail {

template <class Next>
struct shared_tap {
  shared_tap(Next n, std::shared_ptr<wire_rules> r) : next(std::move(n)), rules(std::move(r)) {}
  Next next;
  std::shared_ptr<wire_rules> rules;
  decoder out, in;
  std::size_t seen = 0;  ///< bytes at the front of the next write that were decoded when they were offered

  template <class Tell>
  static void decode(decoder& d, const_bytes bytes, Tell tell) {
    while (!bytes.empty()) {
      const auto step = d.next(bytes);
      bytes = bytes.subspan(step.consumed);
      if (step.what == decoder::status::header) tell(d.current(), d.payload_left());
    }
  }

  template <class Buffers>
  void offered(const Buffers& buffers) {
    std::size_t known = seen;
    for (auto b = asio::buffer_sequence_begin(buffers); b != asio::buffer_sequence_end(buffers); ++b) {
      const asio::const_buffer part(*b);
      const std::size_t skip = std::min(known, part.size());
      known -= skip;
      const const_bytes fresh(static_cast<const std::byte*>(part.data()) + skip, part.size() - skip);
      decode(out, fresh, [this](const frame& f, std::size_t n) { rules->sent(f, n); });
      seen += fresh.size();
    }
  }
  void written(std::size_t n) { seen -= n; }

  template <class Buffers>
  void read(const Buffers& buffers, std::size_t n) {
    for (auto b = asio::buffer_sequence_begin(buffers); n > 0 && b != asio::buffer_sequence_end(buffers);
         ++b) {
      const asio::const_buffer part(*b);
      const std::size_t size = std::min(n, part.size());
      n -= size;
      decode(in, const_bytes(static_cast<const std::byte*>(part.data()), size),
             [this](const frame& f, std::size_t m) { rules->received(f, m); });
    }
  }
};

template <class Next, class Buffers, bool reading>
struct tap_op {
  std::shared_ptr<shared_tap<Next>> tap;
  Buffers buffers;
  bool begun = false;

  template <class Self>
  void operator()(Self& self, error_code error = {}, std::size_t n = 0) {
    if (begun) {
      if constexpr (reading) {
        tap->read(buffers, n);
      } else {
        tap->written(n);
      }
      return self.complete(error, n);
    }
    begun = true;
    self.reset_cancellation_state(asio::enable_total_cancellation());
    auto& next = tap->next;
    const auto list = buffers;
    if constexpr (reading) {
      next.async_read_some(list, std::move(self));
    } else {
      tap->offered(list);
      next.async_write_some(list, std::move(self));
    }
  }
};

}  // namespace tap_detail

template <class Next>
class wire_tap {
 public:
  using executor_type = typename Next::executor_type;
  using lowest_layer_type = typename Next::lowest_layer_type;

  wire_tap(Next next, std::shared_ptr<wire_rules> rules)
      : tap_(std::make_shared<tap_detail::shared_tap<Next>>(std::move(next), std::move(rules))) {}
  wire_tap(wire_tap&&) noexcept = default;
  wire_tap& operator=(wire_tap&&) noexcept = default;
  ~wire_tap() {
    if (tap_) tap_->next.close();
  }

  executor_type get_executor() { return tap_->next.get_executor(); }
  lowest_layer_type& lowest_layer() { return tap_->next.lowest_layer(); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        tap_detail::tap_op<Next, Buffers, true>{tap_, buffers}, token, tap_->next);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        tap_detail::tap_op<Next, Buffers, false>{tap_, buffers}, token, tap_->next);
  }

 private:
  std::shared_ptr<tap_detail::shared_tap<Next>> tap_;
};

}  // namespace test
