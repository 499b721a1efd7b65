// REALITY: TLS 1.3 whose server only clients that know its public key can tell from a site of the operator's
// choice. Everyone else is connected with that site. Ring 4.
//
// The client's ClientHello is OpenSSL's, and no browser's. A server's answer to its own clients can show that
// it is not the site's:
// - ServerHello is OpenSSL's, and so is the order of its extensions. Sites that run OpenSSL or Go have the
//   same one. A site that chooses X25519MLKEM768 for a browser answers with more bytes than OpenSSL 3.0.
// - Each message of the handshake is in a record of its own, padded to the length of the site's. Sites that
//   put several messages into one record, or send tickets before the client's Finished, are not imitated.
// - Tickets follow as the site sends them, once the server has measured that. This takes two seconds from
//   the first client on, and clients that come before get none. The settings that a site with HTTP/2 sends
//   behind them are missing.
// - It comes later than to a stranger by a handshake of OpenSSL, 0.3 ms, since the site answers first.
// Clients that are not its own get the bytes of the site, in the order and at the time at which they come, as
// by a plain relay: 0.1 ms later than from the site itself, where that is on the same machine.
// tests/interop/probes.py measures this with nginx as the site, and prints the tables: some forty odd
// ClientHellos get the same answers as from nginx, and so do an own client's handshakes that someone in the
// middle breaks.
#pragma once

#include "proxy/policy/pace.hpp"
#include "proxy/reality/client_verification.hpp"

#include <muxpro/proxy/settings.hpp>
#include <muxpro/proxy/stream_socket.hpp>
#include <muxpro/proxy/transport.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <system_error>

namespace muxpro::proxy {

class reality_front;

struct reality_client_options {
  std::string name;        ///< one of the server's serverNames
  key_bytes server_key{};  ///< the public one
  short_id id{};
  /// Servers of Xray refuse older ones than 26.3.27.
  client_version version{26, 7, 28};
  std::string key_log;  ///< a file for the secrets of handshakes, or empty
  /// Absolute, for the whole handshake.
  duration handshake = std::chrono::seconds(10);
};

class reality_client final : public transport {
 public:
  /// Throws std::runtime_error if OpenSSL cannot do it.
  explicit reality_client(reality_client_options options);
  ~reality_client() override;

  /// Errors: as tls_transport; tls_errc::site_itself if the server takes the client for a stranger.
  /// Cancellation (terminal): operation_aborted.
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code& ec) const override;

 private:
  struct state;
  template <class Next>
  asio::awaitable<std::shared_ptr<connection>> open_over(Next next, std::error_code& ec) const;

  const std::unique_ptr<const state> state_;
};

struct reality_server_options {
  reality_rules rules;
  stream_address target;
  pace_limits upload, download;  ///< of strangers
  unsigned proxy_header = 0;     ///< the version of PROXY protocol's header for the target; 0: none
  std::string key_log;           ///< a file for the secrets of handshakes with own clients, or empty
  /// Absolute, from the accepted connection to the end of the handshake. A client that has not sent its
  /// ClientHello by then is a stranger.
  duration handshake = std::chrono::seconds(10);
};

class reality_server final : public transport {
 public:
  /// Throws std::runtime_error if OpenSSL cannot do it.
  explicit reality_server(reality_server_options options);
  ~reality_server() override;

  /// Fails with operation_not_supported, because the connections of unauthenticated clients need accept().
  /// Cancellation: none.
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code& ec) const override;
  /// Serves the connection of an own client, or `below` with a detour() to the target.
  /// Errors: those of the target's dial and of TLS handshakes; what the sockets report.
  asio::awaitable<void> accept(std::shared_ptr<connection> below, server serve,
                               std::error_code& ec) const override;
  /// They are strangers, and the target has its own time limit for them.
  bool serves_silent_clients() const noexcept override { return true; }

 private:
  struct state;
  asio::awaitable<void> serve_stranger(std::shared_ptr<connection> client, std::shared_ptr<connection> target,
                                       std::shared_ptr<reality_front> front, std::string why, server serve,
                                       std::error_code& ec) const;

  const std::shared_ptr<state> state_;
};

}  // namespace muxpro::proxy
