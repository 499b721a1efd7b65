// The health of one server, and the probes that find out when it is well again. Ring 4.
#pragma once

#include "proxy/policy/server_health.hpp"

#include <muxpro/options.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>

namespace muxpro::proxy {

/// Shared by all threads. Probes begin with a failure, on the executor that reports it, and end with a
/// success. Only a server about which failing() is asked is probed.
class server_watch : public std::enable_shared_from_this<server_watch> {
 public:
  /// Negotiates with the server and closes the connection. Fails by an exception. Cancelled (terminal) after
  /// `probe_limit`.
  using probe = std::function<asio::awaitable<void>()>;
  static constexpr duration probe_limit = std::chrono::seconds(10);

  server_watch();

  /// Before the first attempt.
  void probe_by(probe p);
  bool probes() const noexcept { return static_cast<bool>(probe_); }
  /// Notes the outcome of an attempt. operation_aborted is ignored.
  void note(std::error_code outcome, const asio::any_io_executor& executor);
  /// An attempt without an outcome, since its client has gone.
  void note_given_up(time_point began, const asio::any_io_executor& executor);
  bool failing() noexcept;

 private:
  struct attempt;
  static asio::awaitable<void> look_after(std::shared_ptr<server_watch> self);
  asio::awaitable<std::error_code> try_once();
  void begin_probes(const asio::any_io_executor& executor);
  void lose_probes() noexcept;
  bool is_failing() const noexcept;
  bool goes_on();
  bool is_probe_due();
  duration next_probe();

  probe probe_;
  std::mutex mutex_;
  server_health health_;
  bool looking_ = false, asked_ = false;
};

}  // namespace muxpro::proxy
