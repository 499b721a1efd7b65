// Clients that connect and send nothing.
#include "loopback.hpp"

#include "proxy/inbound/socks.hpp"

#include <muxpro/proxy/instance.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace loopback_test;

/// A SOCKS inbound without outbounds.
struct listening {
  explicit listening(instance_options o)
      : proxy(
            o, 1, [](dispatcher&, asio::io_context&) {}, no_log) {
    const auto in = std::make_shared<socks_inbound>(socks_inbound_options());
    at = proxy.listen(tcp::endpoint(loopback, 0), "in", in);
    other = proxy.listen(tcp::endpoint(loopback, 0), "other", in);
    proxy.start();
  }
  ~listening() { proxy.stop(); }
  static void no_log(log_level, std::string_view) {}

  instance proxy;
  tcp::endpoint at, other;
};

/// Whether the proxy closes the connection within `limit`.
bool closed_within(tcp::socket& s, std::chrono::milliseconds limit) {
  char byte = 0;
  bool closed = false;
  s.async_read_some(asio::buffer(&byte, 1), [&](std::error_code ec, std::size_t) {
    closed = ec && ec != asio::error::operation_aborted;
  });
  auto& io = static_cast<asio::io_context&>(s.get_executor().context());
  io.restart();
  io.run_for(limit);
  s.cancel();
  io.restart();
  io.run();
  return closed;
}

TEST_CASE("silent clients: the first byte has a time limit", "[proxy][silent]") {
  instance_options o;
  o.first_byte = 100ms;
  listening in(o);
  asio::io_context io;
  tcp::socket silent(io), slow(io);
  silent.connect(in.at);
  slow.connect(in.at);
  asio::write(slow, asio::buffer("\5", 1));
  CHECK(closed_within(silent, 5s));
  CHECK_FALSE(closed_within(slow, 300ms));
}

TEST_CASE("silent clients: a newcomer gets the place of one of them", "[proxy][silent]") {
  instance_options o;
  o.max_waiting = 8;
  listening in(o);
  asio::io_context io;
  std::vector<tcp::socket> silent;
  const auto connect = [&] {
    silent.emplace_back(io);
    silent.back().connect(in.at);
    asio::write(silent.back(), asio::buffer("\5\1", 2));
  };
  for (int i = 0; i < 9; ++i) connect();
  CHECK(closed_within(silent[0], 5s));
  CHECK_FALSE(closed_within(silent[1], 100ms));
  asio::write(silent[8], asio::buffer("\0", 1));
  char answer[2] = {};
  asio::read(silent[8], asio::buffer(answer));
  CHECK(answer[0] == 5);
}

TEST_CASE("silent clients: each listener has places of its own", "[proxy][silent]") {
  instance_options o;
  o.max_waiting = o.max_waiting_per_source = 1;
  listening in(o);
  asio::io_context io;
  tcp::socket first(io), second(io), elsewhere(io);
  first.connect(in.at);
  second.connect(in.at);
  CHECK(closed_within(second, 5s));
  elsewhere.connect(in.other);
  CHECK_FALSE(closed_within(elsewhere, 100ms));
  CHECK_FALSE(closed_within(first, 1ms));
}

}  // namespace
