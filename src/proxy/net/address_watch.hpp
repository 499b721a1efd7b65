// Keeps the addresses of this machine up to date.
#pragma once

#include "proxy/policy/own_addresses.hpp"

#include <asio/awaitable.hpp>

#include <memory>

namespace muxpro::proxy {

/// Reads the addresses of the interfaces, and again whenever the kernel announces a change by netlink
/// (rtnetlink(7)). Runs until the context is destroyed, or it is cancelled (terminal). Without netlink it
/// returns, and the addresses stay as they are.
asio::awaitable<void> watch_addresses(std::shared_ptr<own_addresses> to);

}  // namespace muxpro::proxy
