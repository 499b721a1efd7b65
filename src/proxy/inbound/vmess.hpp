// vmess_inbound, for connections and datagrams that users authenticate by sealing them with their keys. Ring
// 4.
#pragma once

#include "proxy/inbound/keyed.hpp"
#include "proxy/vmess/request.hpp"

#include <muxpro/proxy/inbound.hpp>

#include <memory>
#include <optional>

namespace muxpro::proxy {

struct vmess_inbound_options {
  /// The keys of the users are those of vmess_user::stored(). There are no fallbacks.
  keyed_inbound_options keyed{vmess()};
  /// Refuses clients that do not encrypt.
  bool encrypted_only = false;
};

/// The plan of an inbound with these options.
inbound_plan plan_of(const vmess_inbound_options& o);

class vmess_inbound final : public inbound {
 public:
  explicit vmess_inbound(vmess_inbound_options options);

  asio::awaitable<void> serve(std::shared_ptr<connection> c, context ctx, dispatcher& to,
                              admission::ticket place) const override;

 private:
  struct memory;

  asio::awaitable<std::optional<vmess_request>> read_request(pending_client& who, dispatcher& to) const;
  std::optional<accounts::tried_user> find_user(pending_client& who, const dispatcher& to) const;
  bool accepts(pending_client& who, const vmess_request& r, const_bytes auth_id, const dispatcher& to) const;
  asio::awaitable<void> turn_away(pending_client& who) const;

  const vmess_inbound_options options_;
  const keyed_inbound behind_;  ///< serves clients whose requests were read
  const std::shared_ptr<memory> memory_;
};

}  // namespace muxpro::proxy
