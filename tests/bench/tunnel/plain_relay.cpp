// plain_relay local PORT REMOTE | plain_relay remote PORT
// The two hops of a tunnel without anything in it: SOCKS5 on PORT, a connection to the other hop for each of
// its connections, and from there one to the target. One thread, a buffer of 64 KiB each way.
#include "../arguments.hpp"

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

namespace bench {

namespace {

using asio::ip::tcp;
using std::error_code;

tcp::endpoint local(std::uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

class hop : public std::enable_shared_from_this<hop> {
  template <class Next>
  auto then(Next next) {
    return [self = shared_from_this(), next](error_code ec, std::size_t = 0) {
      if (!ec) next(*self);
    };
  }

 public:
  /// `next`: the other hop's port; 0: this one is the other hop.
  hop(tcp::socket s, std::uint16_t next) : near_(std::move(s)), far_(near_.get_executor()), next_(next) {
    near_.set_option(tcp::no_delay(true));
  }

  void start() {
    if (next_ == 0) return read_target(6, 0);
    asio::async_read(near_, asio::buffer(head_, 3), then([](hop& h) {
                       asio::async_write(h.near_, asio::buffer("\x05", 2),
                                         h.then([](hop& i) { i.read_target(10, 4); }));
                     }));
  }

 private:
  // An IPv4 address and a port behind `offset` bytes.
  void read_target(std::size_t size, std::size_t offset) {
    asio::async_read(near_, asio::buffer(head_, size), then([offset](hop& h) { h.connect(offset); }));
  }

  void connect(std::size_t offset) {
    const unsigned char* const at = head_.data() + offset;
    const asio::ip::address_v4 host(asio::ip::address_v4::bytes_type{at[0], at[1], at[2], at[3]});
    const auto port = static_cast<std::uint16_t>(at[4] << 8 | at[5]);
    far_.async_connect(next_ ? local(next_) : tcp::endpoint(host, port), then([](hop& h) {
                         h.far_.set_option(tcp::no_delay(true));
                         h.next_ ? h.pass_on() : h.pump_both();
                       }));
  }

  void pass_on() {
    asio::async_write(far_, asio::buffer(head_.data() + 4, 6), then([](hop& h) {
                        asio::async_write(h.near_, asio::buffer("\x05\0\0\x01\0\0\0\0\0", 10),
                                          h.then([](hop& i) { i.pump_both(); }));
                      }));
  }

  void pump_both() {
    pump(near_, far_, up_);
    pump(far_, near_, down_);
  }

  void pump(tcp::socket& from, tcp::socket& to, std::vector<char>& room) {
    room.resize(65536);
    from.async_read_some(asio::buffer(room),
                         [this, self = shared_from_this(), &from, &to, &room](error_code ec, std::size_t n) {
                           error_code ignored;
                           if (ec) return static_cast<void>(to.shutdown(tcp::socket::shutdown_send, ignored));
                           asio::async_write(to, asio::buffer(room.data(), n),
                                             [this, self, &from, &to, &room](error_code failed, std::size_t) {
                                               if (failed) return from.close();
                                               pump(from, to, room);
                                             });
                         });
  }

  tcp::socket near_, far_;
  const std::uint16_t next_;
  std::array<unsigned char, 16> head_{};
  std::vector<char> up_, down_;
};

void accept_next(tcp::acceptor& acceptor, std::uint16_t next) {
  acceptor.async_accept([&acceptor, next](error_code ec, tcp::socket s) {
    if (!ec) std::make_shared<hop>(std::move(s), next)->start();
    accept_next(acceptor, next);
  });
}

int run(arguments words) {
  const std::string_view side = words.word("local or remote");
  if (side != "local" && side != "remote") throw failure("the first word must be local or remote");
  const std::uint16_t port = words.port();
  const std::uint16_t next = side == "local" ? words.port() : std::uint16_t{0};
  asio::io_context io(1);
  tcp::acceptor acceptor(io, local(port));
  acceptor.listen(4096);
  accept_next(acceptor, next);
  io.run();
  return 0;
}

}  // namespace

}  // namespace bench

int main(int argc, char** argv) {
  return bench::run_program("plain_relay", [&] {
    return bench::run(bench::arguments({argv + 1, static_cast<std::size_t>(argc - 1)}));
  });
}
