// A target that answers no connection attempt: its queue is full.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include <sys/socket.h>

#include <cstdint>
#include <vector>

struct silent_listener {
  /// On the unspecified address, all of the loopback block is silent.
  explicit silent_listener(asio::io_context& io, asio::ip::address_v4 here = asio::ip::address_v4::loopback())
      : acceptor(io) {
    using asio::ip::tcp;
    acceptor.open(tcp::v4());
    acceptor.bind({here, 0});
    acceptor.listen(0);
    for (int i = 0; i < 4; ++i) {
      tcp::socket filler(io, tcp::v4());
      filler.native_non_blocking(true);
      const tcp::endpoint at = acceptor.local_endpoint();
      [[maybe_unused]] const int in_progress =
          ::connect(filler.native_handle(), at.data(), static_cast<socklen_t>(at.size()));
      fillers.push_back(std::move(filler));
    }
  }
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }

  asio::ip::tcp::acceptor acceptor;
  std::vector<asio::ip::tcp::socket> fillers;
};
