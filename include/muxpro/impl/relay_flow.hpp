// A direction of a relay whose bytes go on as they come, without memory of its own.
#pragma once

#include <muxpro/detail/sink.hpp>
#include <muxpro/impl/relay_copy.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace muxpro::detail {

template <class From, class To>
concept flows = flows_out<From> && takes_at_once<To>;

template <class From, class To>
class flow_operations final : private sink {
 public:
  flow_operations(relay_state& s, relay_side side, From& from, To& to)
      : state_(s), side_(side), from_(from), to_(to) {}

  /// Until `to` is full or broken, or `from` has ended.
  auto flow() {
    return transfer(state_.executor(), state_.stop_of(side_), [this](transfer_step done) {
      sink& self = *this;
      relay_access<From>::flow(from_, self, std::move(done));
    });
  }
  auto room() {
    return transfer(state_.executor(), state_.stop_of(side_),
                    [this](transfer_step done) { wait_for_room(to_, std::move(done)); });
  }
  error_code unwritten() const noexcept { return unwritten_; }

 private:
  std::size_t take(const write_buffers& data) override {
    if (data.size() == 0 || unwritten_) return 0;
    const std::size_t n = write_now(to_, data, unwritten_);
    if (n > 0) state_.written(side_, n);
    return n;
  }

  relay_state& state_;
  const relay_side side_;
  From& from_;
  To& to_;
  error_code unwritten_;
};

template <class From, class To>
loop flow_from(std::shared_ptr<relay_state> s, relay_side side, From& from, To& to, bool ended) {
  flow_operations<From, To> io(*s, side, from, to);
  while (!ended) {
    const auto [unread, n] = co_await io.flow();
    if (s->ends_writing(side, io.unwritten())) co_return;
    if (unread == asio::error::eof) break;
    if (s->ends_reading(side, unread)) co_return;
    const auto [broken, none] = co_await io.room();
    if (s->ends_writing(side, broken)) co_return;
  }
  s->go_on(end_from(s, side, to));
}

}  // namespace muxpro::detail
