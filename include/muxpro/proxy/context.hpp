// context, the properties of a connection on its way through the proxy, as values that are copied from stage
// to stage. Ring 4.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/frame.hpp>
#include <muxpro/options.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/ip/address.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace muxpro::proxy {

class sniff_policy;

/// A user that an inbound or a transport has authenticated, and what the user may use.
struct user_account {
  std::string name;         ///< empty if the inbound does not authenticate
  std::uint32_t level = 0;  ///< that of the configuration's policy
  /// Datagrams that may go outside in a second. Without a value the limit of the outbound applies.
  std::optional<rate_limit> datagrams;
  std::size_t link_capacity = 0;  ///< bytes of a link in each direction, 0 means the dispatcher's default
  /// Limits of relays, shared by all users of a level. If null, those of the inbound apply.
  std::shared_ptr<const relay_options> relay;
  bool vision = false;  ///< for VLESS, whether the user's clients send by the flow xtls-rprx-vision

  friend bool operator==(const user_account&, const user_account&) = default;
};

struct context {
  context() = default;
  /// For a new one. Any thread.
  static std::uint32_t new_id() {
    static std::atomic<std::uint32_t> last{0};
    return ++last;
  }

  /// Where it came in.
  struct inbound_part {
    std::string tag;
    std::string protocol;  ///< "socks", "http", "mux.pro", ...
    user_account user;
    asio::ip::address source;
    std::uint16_t source_port = 0;
    asio::ip::address gateway;  ///< the address that the client reached us at
    std::uint16_t gateway_port = 0;
    std::optional<std::uint16_t> vless_route;  ///< bytes 6 and 7 of the UUID that a client of VLESS has sent
    std::uint32_t carrier = 0;                 ///< id of the main connection that it came over, or 0
    std::uint64_t main_connection = 0;         ///< number of that main connection in the log, or 0
    std::uint16_t sub_stream = 0;              ///< the id of the sub-stream on that main connection
    bool datagrams_alone = false;  ///< main connections of Mux.Cool carry no streams, see transport
  };
  /// Where it goes.
  struct outbound_part {
    destination original;                     ///< what the client asked for
    destination target;                       ///< what is dialled
    std::optional<destination> route_target;  ///< what the router looks at, where that is another one
    std::string tag;                          ///< a forced outbound, or the one that was chosen
    /// Priority among sub-streams, 0 is served first. Without a value neither a rule nor the client sets one.
    std::optional<std::uint8_t> priority;
  };
  /// What it carries.
  struct content_part {
    std::string protocol;                           ///< as sniffed, or as the inbound sets it
    std::map<std::string, std::string> attributes;  ///< ":method", ":path", lower-case header names
    std::shared_ptr<const sniff_policy> sniffing;   ///< the inbound's, null if the content is not sniffed
  };

  /// What is special about it if it carries datagrams.
  struct datagram_part {
    std::optional<global_id> source;  ///< names a client's socket, that comes back to its outside port by it
    bool addressed = true;  ///< if false, all go to the target, and only datagrams from there are answers
  };

  /// Unique in the process while it lives. For the log.
  std::uint32_t id = 0;
  inbound_part inbound;
  outbound_part outbound;
  content_part content;
  datagram_part datagrams;
};

}  // namespace muxpro::proxy
