// dokodemo_inbound, which takes connections to one target, or to where they went before the kernel redirected
// them here. Ring 4.
#pragma once

#include <muxpro/proxy/inbound.hpp>
#include <muxpro/relay_options.hpp>

#include <asio/ip/address.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace muxpro::proxy {

struct dokodemo_inbound_options {
  /// Where connections and datagrams go.
  std::optional<host_port> target;
  /// Other targets, by the port that the client has connected to. An empty host and a port of 0 are those of
  /// the target.
  std::map<std::uint16_t, host_port> by_port;
  /// Connections go to their original target instead, by netfilter's REDIRECT, or its TPROXY and a listener
  /// with socket_options::transparent. A connection that was not redirected is cut, for it would come back
  /// here. Datagrams that a transparent listener gets by TPROXY go to their original target, too. Others go
  /// to the target, if there is one.
  bool follow_redirect = false;
  relay_options relay;
};

class dokodemo_inbound final : public inbound {
 public:
  /// Throws std::invalid_argument without a valid target and without follow_redirect.
  explicit dokodemo_inbound(dokodemo_inbound_options options);

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;
  bool admit_datagrams(context& ctx) const override;

 private:
  std::optional<host_port> own_target(const context& ctx) const;
  std::optional<host_port> elsewhere(const context& ctx) const;
  std::optional<host_port> target_of(connection& c, const context& ctx) const;

  const dokodemo_inbound_options options_;
  const std::vector<asio::ip::address> local_;
};

}  // namespace muxpro::proxy
