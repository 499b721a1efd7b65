// udp_nat, which carries datagrams of clients to the outside. Each client has one full cone socket, which is
// kept for a while after it has gone. Ring 4.
#pragma once

#include "proxy/dial/connect_operation.hpp"
#include "proxy/policy/nat_table.hpp"
#include "proxy/policy/user_rates.hpp"
#include "proxy/udp/datagram_drops.hpp"

#include <muxpro/proxy/context.hpp>
#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/udp.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace muxpro::proxy {

class port_set;

/// Shared by all threads. Each association runs on the executor of its stream.
class udp_nat {
 public:
  /// `names` and `policy` must outlive it. Throws std::invalid_argument with the text of limits.validate().
  /// `drops` counts what is dropped. If null, only counts() has some of it.
  udp_nat(nat_limits limits, dial_options dial, resolver& names, const dial_policy& policy,
          std::shared_ptr<datagram_drops> drops = {});
  ~udp_nat();

  /// Whose datagrams they are.
  struct owner {
    explicit owner(const context::inbound_part& client);

    const std::string key;           ///< share_of() the client, for its mappings, its rate and its look-ups
    const std::string log_name;      ///< for the log
    std::optional<rate_limit> rate;  ///< instead of nat_limits::user_datagrams
    nat_table::session_key session = 0;  ///< distinct for each main connection
    destination target;                  ///< what the client named first
    std::optional<global_id> source;     ///< brings it back to its mapping
    bool addressed = false;              ///< datagrams have addresses, else all go to the target
  };
  /// Carries datagrams until the stream has ended, the mapping is idle for too long or another one needs its
  /// place. It then ends the stream gracefully, or with end_code::resources if there was no socket or it lost
  /// its place. Without addresses, an end_code also reports why the target could not be found. A datagram
  /// that cannot be sent is lost. What it throws, for want of memory, ends this stream alone. Cancellation
  /// (terminal): as if the stream had ended.
  asio::awaitable<void> carry(std::unique_ptr<datagram_stream> stream, owner who);

  /// Ends what is idle or parked for too long. Runs until it is cancelled, or the context is destroyed.
  asio::awaitable<void> sweep();

  /// Mappings in use and parked.
  std::size_t mappings() const;
  nat_counts counts() const;

 private:
  class association;
  struct user_of_mapping {
    std::weak_ptr<association> by;
    std::weak_ptr<association> next;  ///< gets the socket when the former has let go of it
  };

  bool open_mapping(association& a);
  void end_mapping(association& a);
  void retire(nat_table::mapping id, end_code code);
  bool is_own_port(const asio::ip::udp::endpoint& e) const;

  const nat_limits limits_;
  const dial_options dial_;
  resolver& names_;
  const dial_policy& policy_;
  const std::unique_ptr<const port_set> refused_;
  mutable std::mutex mutex_;
  nat_table table_;
  user_rates rates_;
  const std::shared_ptr<datagram_drops> drops_;
  nat_counts counts_;
  std::unordered_map<nat_table::mapping, user_of_mapping> in_use_;
  std::unordered_map<nat_table::mapping, int> parked_;  ///< descriptors of sockets
  std::unordered_multiset<std::uint16_t> ports_;
};

}  // namespace muxpro::proxy
