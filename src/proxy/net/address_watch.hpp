// Keeps the addresses of this machine up to date.
#pragma once

#include "proxy/policy/own_addresses.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <memory>

namespace muxpro::proxy {

/// Reads the addresses of the interfaces at once, and again whenever the kernel announces a change by netlink
/// (rtnetlink(7)).
class address_watch {
 public:
  /// Without netlink the addresses stay as they are now.
  address_watch(asio::any_io_executor executor, std::shared_ptr<own_addresses> to);
  /// For ever. Ends with an error of netlink, or when the watch is destroyed. Cancellation (terminal): it
  /// ends.
  asio::awaitable<void> run();

 private:
  void forget_messages();

  const std::shared_ptr<own_addresses> addresses_;
  asio::posix::stream_descriptor changes_;
};

}  // namespace muxpro::proxy
