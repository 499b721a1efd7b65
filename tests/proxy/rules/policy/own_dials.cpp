// Ports that a process dials from, on explicit time.
#include "catch.hpp"

#include "proxy/policy/own_dials.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace {

using asio::ip::make_address;
using asio::ip::tcp;
using muxpro::time_point;
using muxpro::proxy::own_dials;
using namespace std::chrono_literals;

constexpr time_point first_dial{1h};

tcp::endpoint at(const char* address, std::uint16_t port) { return {make_address(address), port}; }

TEST_CASE("own dials: a connection from a port that was dialled from is the process's own",
          "[proxy][dials]") {
  own_dials d;
  d.start(at("8.8.8.8", 443), first_dial, [] { return std::uint16_t{5000}; });
  d.start(at("8.8.8.9", 443), first_dial, [] { return std::uint16_t{0}; });
  const auto here = at("10.0.0.1", 443);
  // A NAT leads back, and shows the address that was dialled, or that of this machine.
  CHECK(d.has_dialled(at("8.8.8.8", 5000), here, false, first_dial));
  CHECK(d.has_dialled(at("10.0.0.1", 5000), here, true, first_dial));
  // Without a NAT the target is a listener itself.
  CHECK(d.has_dialled(at("127.0.0.1", 5000), at("8.8.8.8", 443), true, first_dial));
  // A local client may have the same port by chance.
  CHECK_FALSE(d.has_dialled(at("127.0.0.1", 5000), at("127.0.0.1", 443), true, first_dial));
  CHECK_FALSE(d.has_dialled(at("10.0.0.1", 5000), at("10.0.0.1", 1080), true, first_dial));
  CHECK_FALSE(d.has_dialled(at("8.8.8.9", 5000), here, false, first_dial));
  CHECK_FALSE(d.has_dialled(at("8.8.8.8", 5001), here, false, first_dial));
  CHECK_FALSE(d.has_dialled(at("8.8.8.9", 0), here, false, first_dial));
}

TEST_CASE("own dials: a port is remembered for ten seconds after its last use", "[proxy][dials]") {
  own_dials d;
  const auto dial = [&](time_point when) {
    d.start(at("8.8.8.8", 443), when, [] { return std::uint16_t{5000}; });
  };
  dial(first_dial);
  CHECK(d.has_dialled(at("8.8.8.8", 5000), at("10.0.0.1", 443), false, first_dial + 9999ms));
  CHECK_FALSE(d.has_dialled(at("8.8.8.8", 5000), at("10.0.0.1", 443), false, first_dial + 10s));
  dial(first_dial + 5s);
  dial(first_dial + 11s);
  CHECK(d.has_dialled(at("8.8.8.8", 5000), at("10.0.0.1", 443), false, first_dial + 16s));
}

TEST_CASE("own dials: a connection that is accepted at once waits until its port is known",
          "[proxy][dials]") {
  own_dials d;
  std::atomic<bool> own = false;
  std::thread listener;
  d.start(at("8.8.8.8", 443), first_dial, [&] {
    listener = std::thread(
        [&] { own = d.has_dialled(at("8.8.8.8", 5000), at("10.0.0.1", 443), false, first_dial); });
    std::this_thread::sleep_for(20ms);
    return std::uint16_t{5000};
  });
  listener.join();
  CHECK(own);
}

}  // namespace
