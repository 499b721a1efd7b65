// dial, which makes a connected socket for a destination, with policy, DNS, happy eyeballs (RFC 8305) and one
// deadline. Ring 4.
#pragma once

#include "proxy/dial/resolver.hpp"
#include "proxy/policy/dial_order.hpp"
#include "proxy/policy/dial_policy.hpp"
#include "proxy/policy/final_rules.hpp"

#include <muxpro/destination.hpp>
#include <muxpro/error.hpp>
#include <muxpro/option_range.hpp>
#include <muxpro/options.hpp>
#include <muxpro/proxy/stream_socket.hpp>
#include <muxpro/timer.hpp>

#include <asio/awaitable.hpp>
#include <asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace muxpro::proxy {

class next_outbound;

struct dial_options {
  /// From the call to the connected socket, DNS included (Envoy: 15 s for edges).
  duration timeout = std::chrono::seconds(10);
  /// Between the starts of two attempts (RFC 8305 section 5: 250 ms).
  duration stagger = std::chrono::milliseconds(250);
  socket_options socket{};
  dial_family family = dial_family::any;
  /// Decides before the policy, but not about listeners of this process. If null, the policy alone decides.
  std::shared_ptr<const final_rules> final{};
  address_order order{};
  /// The outbound that makes the connections in place of sockets. Null if sockets make them.
  std::shared_ptr<const next_outbound> through{};
  /// Resolve the name of an outbound's server. Null if the system does.
  std::shared_ptr<shared_names> server_names{};

  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const {
    constexpr double day = 86400;
    return out_of_range<double>({{"dial.timeout (s)", seconds_of(timeout), 0.001, day},
                                 {"dial.stagger (s)", seconds_of(stagger), 0.001, day}});
  }
};

/// Addresses of both families in turns (RFC 8305 section 4).
std::vector<asio::ip::address> interleaved(std::vector<asio::ip::address> found,
                                           const address_order& order = {});

/// One dial: 8 addresses at most, address_order::at_once of them at a time, whatever a name has. A further
/// one waits until an attempt has failed or had a quarter of the time. Belongs to the executor's strand.
class connect_operation : public std::enable_shared_from_this<connect_operation> {
 public:
  /// `names` and `policy` must outlive it. `asker` is the share whose place a look-up takes, see share_of().
  /// It is empty for this program itself.
  connect_operation(asio::any_io_executor executor, resolver& names, const dial_policy& policy,
                    dial_options options, std::string asker = {})
      : asker_(std::move(asker)),
        executor_(std::move(executor)),
        names_(names),
        policy_(policy),
        options_(options),
        event_(executor_) {}

  /// Connects by TCP. `ec` is errc::target_rejected (by the policy), target_unreachable, target_timeout,
  /// out_of_room (resources of this machine), asio::error::connection_reset if the target reset it at once,
  /// or what cancel() was given. Once per object.
  asio::awaitable<asio::ip::tcp::socket> connect(destination target, std::error_code& ec);
  /// Returns the system's error if `ec` is `unreachable` of connect(), else `ec`.
  std::error_code system_error_of(std::error_code ec) const {
    return failure_ && ec == errc::target_unreachable ? failure_ : ec;
  }
  /// Returns why the policy has refused the target, or `allowed` if it has not.
  verdict refused() const noexcept { return refused_; }
  /// Returns the addresses of a host that the policy allows, first choice first. `ec` is as above.
  asio::awaitable<std::vector<asio::ip::address>> find(address host, std::uint16_t port, std::error_code& ec);
  /// For a dial by another outbound: `target` with the first of these addresses in place of its name, if the
  /// options choose a family of addresses. Completes as find(). Errors: those of find(). Cancellation: by
  /// cancel().
  asio::awaitable<destination> resolve(destination target, std::error_code& ec);
  /// connect() and find() end with `why`, sockets are closed.
  void cancel(std::error_code why);

 private:
  static constexpr std::size_t most_attempts = 8;

  asio::awaitable<std::vector<asio::ip::address>> look_up(std::string name, std::error_code& ec);
  asio::awaitable<std::vector<asio::ip::address>> find_name(std::string name, std::error_code& ec);
  verdict judge(const asio::ip::address& a, std::uint16_t port) const;
  struct attempt {
    explicit attempt(const asio::any_io_executor& executor) : socket(executor) {}
    asio::ip::tcp::socket socket;
    const time_point begun = std::chrono::steady_clock::now();
    bool running = false;
  };

  attempt* oldest();
  time_point place_free_at();
  void make_place();
  void close(attempt& a);
  void start_attempt(const asio::ip::tcp::endpoint& to);
  void attempt_ended(std::size_t which, std::error_code ec);
  asio::awaitable<void> wait_until(time_point when);
  bool is_finished(std::error_code& ec) const;
  void set_deadline();

  const std::string asker_;
  asio::any_io_executor executor_;
  resolver& names_;
  const dial_policy& policy_;
  const dial_options options_;
  counted_timer event_;
  bool happened_ = false;
  time_point deadline_ = time_point::max();
  std::error_code cancelled_;
  std::vector<attempt> attempts_;
  std::size_t running_ = 0;
  std::size_t connected_ = 0;  ///< counted from 1
  std::error_code failure_;
  verdict refused_ = verdict::allowed;
};

}  // namespace muxpro::proxy
