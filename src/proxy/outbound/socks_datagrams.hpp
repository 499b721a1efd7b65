// The datagrams of a UDP ASSOCIATE with a SOCKS server, as its client (RFC 1928 section 7).
#pragma once

#include <muxpro/proxy/connection.hpp>
#include <muxpro/proxy/datagram_stream.hpp>

#include <asio/ip/udp.hpp>

#include <memory>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

/// Lives on the strand of its socket.
class socks_datagrams final : public datagram_stream {
 public:
  /// `control` keeps the association. Its end ends the stream with end_code::remote_disconnect. Datagrams go
  /// to `relay`, and only those from there are received. With `only`, answers of others than that target are
  /// dropped. `dropped` counts what is lost.
  socks_datagrams(std::shared_ptr<connection> control, asio::ip::udp::socket socket,
                  const asio::ip::udp::endpoint& relay, std::optional<host_port> only, count_drops dropped);
  ~socks_datagrams() override;

  asio::any_io_executor get_executor() const override;
  asio::awaitable<std::size_t> receive(asio::mutable_buffer into, host_port& peer,
                                       std::error_code& ec) override;
  asio::awaitable<void> send(asio::const_buffer data, const host_port& peer, std::error_code& ec) override;
  void end(end_code code) noexcept override;

 private:
  struct state;
  static asio::awaitable<void> watch(std::shared_ptr<state> s);
  std::optional<std::size_t> take(asio::mutable_buffer into, host_port& peer, std::error_code& ec);
  bool is_answer(const host_port& peer);

  const std::shared_ptr<state> state_;
  std::optional<host_port> only_;
  const count_drops dropped_;
  int at_once_ = 0;  ///< datagrams received since it last waited
};

/// A socket for datagrams to `relay`, from the address that the control connection has, if that goes to the
/// same address.
asio::ip::udp::socket socket_for_relay(const asio::any_io_executor& executor,
                                       const asio::ip::udp::endpoint& relay, const asio::ip::address& local,
                                       const asio::ip::address& peer, std::error_code& ec);

}  // namespace muxpro::proxy
