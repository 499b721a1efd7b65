// Listeners on unspecified addresses: answers come from the address that was asked.
#include "loopback.hpp"
#include "stages.hpp"

#include "proxy/inbound/dokodemo.hpp"

namespace {

using namespace loopback_test;
using asio::ip::make_address;

/// A door on `at` to a parrot.
struct door {
  explicit door(const char* at)
      : whole(
            instance_options(), 1, [this](dispatcher& d, asio::io_context&) { d.add("parrot", parrot); },
            [](log_level, std::string_view) {}) {
    dokodemo_inbound_options o;
    o.target.emplace("192.0.2.7", std::uint16_t{53});
    port =
        whole.listen_for_datagrams({make_address(at), 0}, "in", std::make_shared<dokodemo_inbound>(o)).port();
    whole.start();
  }
  /// The gateways of the sources that it has seen.
  std::vector<std::string> ended() {
    whole.drain();
    whole.wait();
    std::vector<std::string> out;
    for (const context& c : parrot->seen) out.push_back(c.inbound.gateway.to_string());
    return out;
  }
  const std::shared_ptr<stages::datagram_parrot> parrot = std::make_shared<stages::datagram_parrot>();
  instance whole;
  std::uint16_t port = 0;
};

/// Sends from one socket to each of the addresses in turn, twice. Returns the sources of the answers.
awaitable<std::string> ask_each(std::uint16_t port, std::vector<const char*> addresses) {
  const auto first = make_address(addresses[0]);
  udp::socket s(co_await asio::this_coro::executor, udp::endpoint(first.is_v4() ? udp::v4() : udp::v6(), 0));
  std::string heard;
  for (const char* a : {addresses[0], addresses.back(), addresses[0]}) {
    co_await s.async_send_to(asio::buffer("hello", 5), udp::endpoint(make_address(a), port),
                             asio::use_awaitable);
    std::array<char, 10> room;
    udp::endpoint from;
    co_await s.async_receive_from(asio::buffer(room), from, asio::use_awaitable);
    heard += from.address().to_string() + " ";
  }
  co_return heard;
}

/// The same by the run of a context; empty: this machine has no such addresses.
std::string answered_by(door& d, std::vector<const char*> addresses) {
  asio::io_context io;
  std::string heard;
  const auto ask = [&]() -> awaitable<> { heard = co_await ask_each(d.port, addresses); };
  test::run(io, ask());
  return heard;
}

bool has_ipv6() {
  asio::io_context io;
  std::error_code ec;
  udp::socket s(io);
  s.open(udp::v6(), ec);
  if (!ec) s.bind({make_address("::1"), 0}, ec);
  return !ec;
}

}  // namespace

TEST_CASE("udp listener: on 0.0.0.0 it answers from the address to which the client has sent",
          "[proxy][udp]") {
  door d("0.0.0.0");
  CHECK(answered_by(d, {"127.0.0.1", "127.0.0.2"}) == "127.0.0.1 127.0.0.2 127.0.0.1 ");
  CHECK(d.ended() == std::vector<std::string>{"127.0.0.1", "127.0.0.2"});
}

TEST_CASE("udp listener: on [::] it does so for both families", "[proxy][udp]") {
  if (!has_ipv6()) return;
  door d("::");
  CHECK(answered_by(d, {"127.0.0.1", "127.0.0.2"}) == "127.0.0.1 127.0.0.2 127.0.0.1 ");
  CHECK(answered_by(d, {"::1"}) == "::1 ::1 ::1 ");
  CHECK(d.ended() == std::vector<std::string>{"127.0.0.1", "127.0.0.2", "::1"});
}

TEST_CASE("udp listener: on one address it answers from that", "[proxy][udp]") {
  door d("127.0.0.3");
  CHECK(answered_by(d, {"127.0.0.3"}) == "127.0.0.3 127.0.0.3 127.0.0.3 ");
  CHECK(d.ended() == std::vector<std::string>{"127.0.0.3"});
}
