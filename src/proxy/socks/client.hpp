// The client side of SOCKS 5. Ring 4, a rule without I/O and clock.
#pragma once

#include "proxy/socks/server.hpp"

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// 1..255 bytes each (RFC 1929).
struct socks_credentials {
  std::string user, secret;

  bool valid() const noexcept;
};

/// Call next(), first with no bytes, then with all that came and were not consumed:
///   send:      send `message`, drop `consumed` bytes, call again
///   need_more: the same again, when more bytes have come
///   connected: drop `consumed` bytes; what follows is the target's data
///   refused:   close
/// Any cut of the input gives the same steps. It never needs more than max_message bytes.
class socks_client {
 public:
  enum class status : std::uint8_t { need_more, send, connected, refused };

  struct step {
    status what = status::need_more;
    std::size_t consumed = 0;
    std::vector<std::byte> message;
    /// The address of the server's socket. Its host may be invalid. For UDP ASSOCIATE it is where to send
    /// datagrams, and an unspecified address stands for the server's own.
    host_port bound;
    /// An error that outcome_of() turns into the same reply again. With bad_host and bad_option, the server
    /// was not asked. With errc::bad_answer, its answer is not SOCKS 5. target_rejected is also set if it
    /// refuses the credentials.
    std::error_code error;
    const char* reason = "";  ///< one sentence without secrets, when refused
  };

  /// VER, REP, RSV and the longest address.
  static constexpr std::size_t max_message = 3 + 1 + 1 + 255 + 2;

  /// Without credentials it offers no authentication.
  socks_client(socks_command command, host_port target, std::optional<socks_credentials> credentials = {});

  step next(const_bytes received);
  /// Returns whether the server has accepted the method and the credentials, so that the request was sent.
  bool is_admitted() const noexcept { return admitted_; }

 private:
  enum class state : std::uint8_t { start, method, authentication, reply, over };

  step greet();
  step read_method(std::uint8_t chosen);
  step read_status(std::uint8_t code);
  step read_reply(std::uint8_t code, const_bytes in);
  step ask(std::size_t consumed);
  step refuse(std::error_code error, const char* reason);

  socks_command command_;
  host_port target_;
  std::optional<socks_credentials> credentials_;
  state state_ = state::start;
  bool admitted_ = false;
};

/// Returns where datagrams go after UDP ASSOCIATE. That is socks_client::step::bound of the reply, or the
/// server's own address if `bound` has an unspecified or no address, or a loopback one of another machine.
/// Returns nothing if the reply has no port.
std::optional<host_port> socks_relay_address(const host_port& bound, const asio::ip::address& server);

}  // namespace muxpro::proxy
