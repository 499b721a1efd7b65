// Inbounds, outbounds, users and rules that the API's messages hold, as a configuration has them. Ring 4, a
// rule. All throw api_refusal.
#pragma once

#include "proxy/api/refusal.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/proxy/settings.hpp>

#include <string>
#include <string_view>

namespace muxpro::proxy {

/// By InboundHandlerConfig and OutboundHandlerConfig.
setting inbound_of(const_bytes handler);
setting outbound_of(const_bytes handler);
/// "routing", by the TypedMessage of AddRuleRequest.
setting routing_of(const_bytes typed);

/// AddUserOperation or RemoveUserOperation.
struct user_operation {
  bool adds = false;
  setting user;       ///< of an operation that adds, an entry of "clients"
  std::string email;  ///< of the user
};
/// By the TypedMessage of AlterInboundRequest.
user_operation user_operation_of(const_bytes typed);

/// User, with its account, by an entry of "clients" or "accounts". `method` is that of a Shadowsocks inbound.
std::string user_message(const setting::object& user, std::string_view protocol, std::string_view method);

/// Returns the value of a key, or null if the key is absent.
const setting* member_of(const setting& of, std::string_view key);
/// Returns an empty text if the key is absent.
std::string text_at(const setting& of, std::string_view key);

}  // namespace muxpro::proxy
