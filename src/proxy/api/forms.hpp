// The table that maps Xray's messages, which the API reads, to objects of a configuration. Ring 4, a rule.
#pragma once

#include "proxy/api/message.hpp"

#include <string_view>

namespace muxpro::proxy {

/// Returns null if muxpro does not support the type.
const typed_message* find_typed_message(std::string_view type);

/// An inbound and an outbound as a configuration has them, by InboundHandlerConfig and OutboundHandlerConfig.
extern const message_form inbound_form, outbound_form;
/// A client of an inbound, and its account apart from it, by User.
extern const message_form user_form;
/// "routing", by the router's Config. The strategies of its balancers are put in their place by routing_of().
extern const message_form routing_form;

/// Returns the type of the accounts of an inbound's protocol. Null if the API adds no users to it.
const message_form* account_of(std::string_view protocol, bool of_2022);

}  // namespace muxpro::proxy
