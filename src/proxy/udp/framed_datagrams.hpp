// Datagrams that lie one after the other in a connection, as VLESS and Trojan carry them.
#pragma once

#include "proxy/base/framed_datagram.hpp"

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/datagram_stream.hpp>
#include <muxpro/relay_options.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// How a protocol writes datagrams into a stream.
struct datagram_framing {
  framed_datagram (*read)(const_bytes received);
  /// Returns false if the datagram cannot be sent.
  bool (*append)(std::vector<std::byte>& out, const host_port& where, const_bytes payload);
  /// Whether each datagram has an address. Otherwise all have that of the stream.
  bool addressed;
};

/// Lives on the strand of its connection. What cannot be written at once waits, up to 256 KiB. Further
/// datagrams are dropped.
class framed_datagrams final : public datagram_stream {
 public:
  struct beginning {
    std::vector<std::byte> received;  ///< of the connection, before
    std::vector<std::byte> head;      ///< goes in front of the first datagram that is sent
    head_reader peers_head;           ///< of what comes before the peer's first datagram, may be empty
    host_port peer;                   ///< of all datagrams, if they have no addresses
    bool to_peer_alone = false;       ///< datagrams to others are dropped
  };

  /// `dropped` counts what is lost.
  framed_datagrams(std::shared_ptr<connection> c, const datagram_framing& framing, beginning first,
                   count_drops dropped);
  ~framed_datagrams() override;

  /// Where the first datagram goes, which is received later. Waits for it. Only of datagrams with addresses,
  /// before receive().
  /// Errors: as receive().
  asio::awaitable<host_port> first_target(std::error_code& ec);
  asio::any_io_executor get_executor() const override;
  asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                       std::error_code& ec) override;
  asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) override;
  void end(end_code code) noexcept override;

 private:
  struct output;
  static asio::awaitable<void> write(std::shared_ptr<output> o);
  void strip_head(std::error_code& ec);
  std::optional<std::size_t> take(asio::mutable_buffer into, host_port& peer, std::error_code& ec);
  asio::awaitable<void> read(std::error_code& ec);
  const_bytes unread() const noexcept { return const_bytes(in_).subspan(begin_, end_ - begin_); }

  const std::shared_ptr<output> output_;
  const datagram_framing framing_;
  head_reader peers_head_;
  const host_port peer_;
  const bool to_peer_alone_;
  std::vector<std::byte> in_;  ///< what is between begin_ and end_ was received and not taken yet
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace muxpro::proxy
