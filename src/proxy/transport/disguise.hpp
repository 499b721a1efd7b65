// The raw carrier with a head of HTTP in front of the bytes of each direction. Ring 4.
#pragma once

#include "proxy/http/disguise.hpp"

#include <muxpro/proxy/settings.hpp>
#include <muxpro/proxy/transport.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace muxpro::proxy {

/// A client sends its head at once, and skips the server's when it first reads, because servers of Xray send
/// theirs with the first bytes of the target. A server reads the client's head, answers with its own, and
/// leaves the connection as it is.
class disguise_transport final : public transport {
 public:
  disguise_transport(role side, http_disguise d) : side_(side), disguise_(std::move(d)) {}

  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code& ec) const override;

 private:
  /// Limit for the client's head, absolute, as upgrade_options::handshake.
  static constexpr duration handshake = std::chrono::seconds(10);
  asio::awaitable<void> receive_request(connection& from, std::error_code& ec) const;

  const role side_;
  const http_disguise disguise_;
};

/// Reads the object "header" of the raw carrier's settings. Returns null if its type is "none".
std::shared_ptr<http_disguise> read_disguise(settings& s);

}  // namespace muxpro::proxy
