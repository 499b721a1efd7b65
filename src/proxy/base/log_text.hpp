// Names and clients as lines of the log show them.
#pragma once

#include <asio/ip/address.hpp>

#include <string>
#include <string_view>

namespace muxpro::proxy {

/// A name that a client has chosen, as a text without blanks. All bytes but visible ASCII are
/// percent-encoded, so that the name can pass neither for another part of the line nor for another name.
std::string percent_encoded(std::string_view name);
/// The address of a client, and its user if there is one.
std::string shown_client(const asio::ip::address& source, const std::string& user);

}  // namespace muxpro::proxy
