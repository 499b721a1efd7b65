// A direction of a relay whose bytes go from one socket to another inside the kernel, while many come at a
// time.
#pragma once

#include <muxpro/any_stream.hpp>
#include <muxpro/detail/initiation.hpp>
#include <muxpro/detail/kernel_pipe.hpp>
#include <muxpro/detail/relay_access.hpp>
#include <muxpro/detail/relay_beginning.hpp>
#include <muxpro/detail/relay_state.hpp>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace muxpro::detail {

/// Fewer bytes at a time cost less by copies.
inline constexpr std::size_t worth_splicing = 32 * 1024;

template <class From, class To>
concept splices = kernel_pipe::available && reads_when_ready<From> && waits_for_room<To> &&
    requires(From& from, To& to) {
  socket_of_reads(from);
  socket_of_writes(to);
};

template <class From, class To>
class splice_operations {
 public:
  splice_operations(relay_state& s, relay_side side, From& from, To& to)
      : state_(s), stop_(s.stop_of(side)), from_(from), to_(to) {}

  /// The socket has to be waited for.
  bool waits() const noexcept { return waits_; }
  auto wait() {
    pipe_.rest();
    return transfer(state_.executor(), stop_,
                    [this](transfer_step done) { wait_for_bytes(from_, std::move(done)); });
  }
  /// Returns why the direction ends.
  error_code fill() noexcept {
    error_code unread;
    const bool ready = pipe_.prepare();
    const std::size_t n = ready ? pipe_.fill(socket_of_reads(from_), unread) : 0;
    waits_ = unread == asio::error::would_block;
    goes_on_ = ready && (waits_ || n >= worth_splicing);
    return waits_ || refused(unread) ? error_code() : unread;
  }
  /// Returns false if a copy costs less, or is the only way.
  bool goes_on() const noexcept { return goes_on_; }

  std::size_t held() const noexcept { return pipe_.held(); }
  // Other work of the executor gets its turn in between, as behind a write.
  auto drain() {
    return transfer(state_.executor(), stop_, [this](transfer_step done) {
      error_code ec;
      const std::size_t n = pipe_.drain(socket_of_writes(to_), ec);
      if (ec == asio::error::would_block) return wait_for_room(to_, std::move(done));
      post_completion(std::move(done), state_.executor(), ec, n);
    });
  }
  /// What is held, for a copy where the system refuses to `why` the other way.
  std::unique_ptr<relay_beginning> taken_back(const error_code& why) {
    if (!refused(why)) return nullptr;
    std::vector<std::byte> out(held());
    out.resize(pipe_.drain(out));
    return std::make_unique<relay_beginning>(std::move(out), false, head_reader(), state_.buffer_size());
  }

 private:
  /// The system does not splice such a socket.
  static bool refused(const error_code& ec) noexcept {
    return ec.category() == asio::error::get_system_category() &&
           (ec.value() == EINVAL || ec.value() == ENOSYS || ec.value() == EPERM);
  }

  relay_state& state_;
  const asio::cancellation_slot stop_;
  From& from_;
  To& to_;
  kernel_pipe pipe_;
  bool waits_ = false, goes_on_ = true;
};

/// Whether bytes can go from socket to socket from now on.
template <class From, class To>
bool can_splice(const relay_state& s, From& from, To& to) noexcept {
  return s.buffer_size() >= worth_splicing && socket_of_reads(from) >= 0 && socket_of_writes(to) >= 0;
}

template <class From, class To>
loop relay_from(const std::shared_ptr<relay_state>& s, relay_side side, From& from, To& to, bool ended);
/// Compiled once, because g++ emits a coroutine wherever an inline function names it, called or not.
loop relay_from(const std::shared_ptr<relay_state>& s, relay_side side, any_stream& from, any_stream& to,
                bool ended);
template <class From, class To>
loop begin_from(std::shared_ptr<relay_state> s, relay_side side, From& from, To& to,
                std::unique_ptr<relay_beginning> first);

template <class From, class To>
loop splice_from(std::shared_ptr<relay_state> s, relay_side side, From& from, To& to) {
  splice_operations<From, To> io(*s, side, from, to);
  bool ended = false;
  while (!ended && io.goes_on()) {
    if (io.waits()) {
      const auto ready = co_await io.wait();
      if (s->ends_reading(side, ready.error)) co_return;
    }
    const error_code unread = io.fill();
    ended = unread == asio::error::eof;
    if (!ended && s->ends_reading(side, unread)) co_return;
    s->active();
    while (io.held() > 0) {
      const auto [unwritten, n] = co_await io.drain();
      s->written(side, n);
      if (auto rest = io.taken_back(unwritten)) {
        s->go_on(begin_from(s, side, from, to, std::move(rest)));
        co_return;
      }
      if (s->ends_writing(side, unwritten)) co_return;
    }
  }
  s->go_on(relay_from(s, side, from, to, ended));
}

}  // namespace muxpro::detail
