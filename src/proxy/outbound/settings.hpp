// read_server(), read_proxy_user() and others: settings that several outbounds have in common.
#pragma once

#include "proxy/dial/connect_operation.hpp"
#include "proxy/outbound/keyed.hpp"
#include "proxy/outbound/mux.hpp"

#include <muxpro/proxy/registry.hpp>
#include <muxpro/proxy/transport_dialer.hpp>
#include <muxpro/session.hpp>

#include <asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// A server's name or address and its port, or the path of its unix socket.
stream_address read_server(settings& s);
/// "email" and "level" of a server's user, which have no effect.
void accept_user_keys(settings& s);
/// Reads the only object of a list. `rule` is why there is no other.
void read_only_object(settings& s, const setting_key& key, std::string_view rule,
                      const std::function<void(settings&)>& read);
/// Returns false if `key` is absent. The keys of the server are then those of `s`.
bool read_listed_server(settings& s, std::string_view key, const std::function<void(settings&)>& read);

struct proxy_user {
  std::string name, secret;  ///< 1 to 255 bytes each
};
/// "user" and "pass" of a server that asks for them.
proxy_user read_proxy_user(settings& u);

/// The plan of an outbound to a server that gets a key.
outbound_plan keyed_plan(stream_address server, keyed_outbound_options options);

/// Makes a session that is not negotiated yet with the server at the other end, or throws std::system_error.
using session_dialer =
    std::function<asio::awaitable<session>(std::shared_ptr<transport_dialer>, session_options)>;
/// Sub-streams of main connections that `dial` makes with the server of `from`. Negotiations that fail or
/// take too long count as that server's failures.
outbound_factory multiplexed(outbound_resources& from, session_dialer dial);
/// What is not multiplexed.
struct native_ways {
  outbound_factory make;
  /// Datagrams have a main connection of Mux.Cool for each client's socket (single XUDP).
  bool single_xudp = false;
  bool refuses_quic = false;
};
/// The same as `mux` has it for connections, for datagrams or for both, and `native` for what it does not.
outbound_factory multiplexed_as_configured(outbound_resources& from, const std::optional<mux_options>& mux,
                                           session_dialer dial, native_ways native);

}  // namespace muxpro::proxy
