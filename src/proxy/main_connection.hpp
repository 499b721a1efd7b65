// A main connection of the server role: its session, and a coroutine for each sub-stream.
#pragma once

#include <muxpro/proxy/admission.hpp>
#include <muxpro/semaphore.hpp>
#include <muxpro/session.hpp>

#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

/// Sub-streams whose targets are sought, at a time and waiting for that.
struct dial_limits {
  std::uint32_t pending, waiting;
};

/// Lives on one thread.
class main_connection : public std::enable_shared_from_this<main_connection> {
 public:
  /// `place` is held until the negotiation is over.
  main_connection(session s, admission::ticket place, dial_limits dials);
  virtual ~main_connection() = default;

  /// From the negotiation to the end, and says why it ended.
  asio::awaitable<std::error_code> run();
  /// Takes no new sub-streams, ends after the last one.
  void drain();
  void close() { session_.close(); }

 protected:
  /// One of the dials under way.
  class dial_place {
   public:
    explicit dial_place(semaphore& all) noexcept : all_(&all) {}
    dial_place(dial_place&& other) noexcept : all_(std::exchange(other.all_, nullptr)) {}
    dial_place& operator=(dial_place&&) = delete;
    ~dial_place() {
      if (all_) all_->release();
    }

   private:
    semaphore* all_;
  };

  const session& main() const noexcept { return session_; }
  /// Waits for its turn. end_code::resources: too many wait already. operation_aborted: `given_up`.
  asio::awaitable<std::optional<dial_place>> wait_for_turn(
      std::shared_ptr<asio::cancellation_signal> given_up, std::error_code& ec);

 private:
  /// An exception, out of memory for instance, ends this sub-stream alone: it is reset when it is destroyed.
  virtual asio::awaitable<void> carry(sub_stream stream) = 0;

  static asio::awaitable<void> accept_streams(std::shared_ptr<main_connection> self);
  static asio::awaitable<void> drain_and_close(std::shared_ptr<main_connection> self);

  session session_;
  admission::ticket place_;
  semaphore dials_;
  const std::uint32_t max_waiting_;
  std::uint32_t waiting_ = 0;
};

/// Calls if a sub-stream is cut while nobody reads it; not any more once it is destroyed.
class cut_watch {
 public:
  cut_watch(sub_stream& s, std::function<void(std::error_code)> call);
  cut_watch(const cut_watch&) = delete;
  ~cut_watch();

 private:
  struct state {
    std::function<void(std::error_code)> call;
    asio::cancellation_signal over;
  };
  const std::shared_ptr<state> state_;
};

}  // namespace muxpro::proxy
