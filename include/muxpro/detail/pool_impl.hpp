// The driver of a client pool, which dials, negotiates and runs the sessions as the policy decides.
#pragma once

#include <muxpro/detail/pool_policy.hpp>
#include <muxpro/detail/strand_check.hpp>
#include <muxpro/session.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace muxpro {

struct client_pool_stats {
  std::uint32_t connections = 0;  ///< that take new sub-streams
  std::uint32_t dialing = 0;
  std::uint32_t draining = 0;          ///< retired connections that still have sub-streams
  std::uint32_t waiting = 0;           ///< opens that wait for a place
  std::uint32_t streams = 0;           ///< sub-streams that the application still holds
  std::uint64_t dials = 0;             ///< begun
  std::uint64_t dial_failures = 0;     ///< no connection came of it
  std::string last_failure;            ///< the text of the exception of a dial, at most 256 bytes
  std::uint64_t connections_lost = 0;  ///< ended by the peer or by an error
  std::uint64_t retired = 0;           ///< drained for age, use, idleness or refusals
  std::uint64_t opened = 0;            ///< sub-streams
  std::uint64_t reused = 0;            ///< of these not the first one of their connection
  std::uint64_t retries = 0;           ///< opens that met a dead connection and went to another one
};

/// One main connection of a pool.
struct pool_connection {
  enum class state { dialing, open, draining };

  std::uint64_t id = 0;  ///< counts the dials of the pool, see pool_event::connection
  state is = state::dialing;
  std::string local,
      remote;                 ///< endpoints of the socket as "192.0.2.1:443" or a path, or empty
  std::uint32_t streams = 0;  ///< sub-streams that the application still holds
  std::uint64_t opened = 0;
  session_stats session;  ///< empty while it is dialled
};

namespace detail {

class dialer {
 public:
  virtual ~dialer() = default;
  virtual asio::awaitable<session> dial(const session_options& options) = 0;
};

/// A callable that returns asio::awaitable of a session or of a stream for one.
template <class Dial>
concept dials = std::invocable<Dial&> && requires {
  typename std::invoke_result_t<Dial&>::value_type;
  requires std::same_as<typename std::invoke_result_t<Dial&>::value_type, session> ||
      async_stream<typename std::invoke_result_t<Dial&>::value_type>;
};

template <class Dial>
class dialer_over final : public dialer {
 public:
  explicit dialer_over(Dial call) : call_(std::move(call)) {}

  asio::awaitable<session> dial(const session_options& options) override {
    auto dialing = call_();
    auto stream = co_await std::move(dialing);
    if constexpr (std::same_as<decltype(stream), session>) {
      co_return std::move(stream);
    } else {
      co_return session(std::move(stream), role::client, options);
    }
  }

 private:
  Dial call_;
};

class pool_impl final : public std::enable_shared_from_this<pool_impl>, private shutdown_participant {
 public:
  struct waiting_open : open_op {
    using open_op::open_op;
    int tries = 0;
  };

  pool_impl(asio::any_io_executor executor, std::unique_ptr<dialer> dial, client_pool_options options);

  /// An operation is started on this thread.
  void operation_begins() noexcept { strand_.operation(executor_); }
  /// Returns true if it is decided at once. `stream` is the result if `ec` is clear.
  bool open_now(open_request& request, error_code& ec, sub_stream& stream);
  void start_open(waiting_open* op);
  void cancel_open(waiting_open* op);
  bool drain_now(error_code& ec);
  void start_drain(drain_op* op) { drains_.push_back(*op); }
  /// As the cancellation of each operation that waits.
  void cancel();
  void close();
  /// Called after the handler of an open, so that the sub-stream's first write shares the gather write of
  /// New.
  void flush();

  const asio::any_io_executor& executor() const noexcept { return executor_; }
  client_pool_stats report() const;
  std::vector<session_stats> report_sessions() const;
  std::vector<pool_connection> report_connections() const;

 private:
  using connection_id = pool_policy::connection_id;
  struct connection;
  struct dial_done;
  struct run_done;
  struct drain_done;

  static asio::awaitable<void> tend(std::shared_ptr<pool_impl> self);
  static asio::awaitable<session> dial(std::shared_ptr<pool_impl> self);
  void tend_ended(std::exception_ptr failure);
  void act_on_deadlines();
  void serve();
  bool try_open(open_request& request, int& tries, error_code& ec, sub_stream& stream);
  void fail_waiting(pool_policy::share which, error_code why);
  void start_dial(connection_id id);
  void note_dial_failure(std::string why);
  void dialled(const std::shared_ptr<connection>& c, std::exception_ptr failure, session main);
  void run_ended(const std::shared_ptr<connection>& c, error_code why);
  void stream_gone(connection& c, bool refused) noexcept;
  void queue_full(const connection& c) noexcept;
  void start_draining(connection_id id);
  void gone(connection_id id);
  /// Makes sure that act_on_deadlines() is called by `deadline`.
  void watch(time_point deadline) noexcept;
  void wake();
  /// Posts it to client_pool_options::on_event.
  void report(pool_event::kind what, connection_id id, error_code why = {});
  void report_room();
  void log(const pool_event& e) const noexcept;
  void context_destroyed() noexcept override;

  asio::any_io_executor executor_;
  strand_check strand_;
  client_pool_options options_;
  std::unique_ptr<dialer> dialer_;
  std::optional<context_timer> timer_;
  pool_policy policy_;
  std::map<connection_id, std::shared_ptr<connection>> connections_;
  intrusive_list<waiting_open> waiting_;
  intrusive_list<drain_op> drains_;
  std::shared_ptr<connection> opened_on_;  ///< whose writer flush() wakes
  client_pool_stats counted_;
  time_point armed_ = time_point::max();
  bool tending_ = false;
  bool was_full_ = false;  ///< an open found no room, and no room has been reported since
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace detail
}  // namespace muxpro

#if !defined(MUXPRO_SEPARATE_COMPILATION)
#include <muxpro/impl/client_pool.ipp>
#endif
