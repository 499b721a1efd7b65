// Dials on loopback: order of addresses, happy eyeballs, deadline, cancellation, policy.
#include "catch.hpp"
#include "silent_listener.hpp"
#include "support.hpp"

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/resolver.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using asio::ip::make_address;
using asio::ip::tcp;

struct fixture {
  fixture() { policy.allow_private(true); }
  /// Runs one dial to its end.
  void connect(const destination& to, dial_options options = {}) {
    attempt = std::make_shared<connect_operation>(io.get_executor(), names, policy, options);
    asio::co_spawn(io, dial_once(*this, to), asio::detached);
    const auto begun = std::chrono::steady_clock::now();
    io.run();
    took = std::chrono::steady_clock::now() - begun;
    REQUIRE(done);
  }
  static asio::awaitable<void> dial_once(fixture& f, destination to) {
    tcp::socket s = co_await f.attempt->connect(std::move(to), f.error);
    if (!f.error) f.remote = s.remote_endpoint();
    f.done = true;
  }

  asio::io_context io;
  resolver names;
  dial_policy policy;
  std::shared_ptr<connect_operation> attempt;
  std::error_code error;
  std::optional<tcp::endpoint> remote;
  std::chrono::steady_clock::duration took{};
  bool done = false;
};

}  // namespace

TEST_CASE("addresses of two families are tried in turns", "[proxy][dialer]") {
  const auto a = [](const char* text) { return make_address(text); };
  CHECK(interleaved({a("::1"), a("::2"), a("::3"), a("1.1.1.1"), a("2.2.2.2")}) ==
        std::vector{a("::1"), a("1.1.1.1"), a("::2"), a("2.2.2.2"), a("::3")});
  CHECK(interleaved({a("1.1.1.1"), a("::1"), a("2.2.2.2")}) ==
        std::vector{a("1.1.1.1"), a("::1"), a("2.2.2.2")});
  CHECK(interleaved({}).empty());
}

TEST_CASE("addresses come in the order that is chosen", "[proxy][dialer]") {
  const auto a = [](const char* text) { return make_address(text); };
  const std::vector all{a("1.1.1.1"), a("2.2.2.2"), a("3.3.3.3"), a("::1"), a("::2")};
  address_order o;
  o.v6_first = true;
  CHECK(interleaved(all, o) == std::vector{a("::1"), a("1.1.1.1"), a("::2"), a("2.2.2.2"), a("3.3.3.3")});
  o.in_a_row = 2;
  CHECK(interleaved(all, o) == std::vector{a("::1"), a("::2"), a("1.1.1.1"), a("2.2.2.2"), a("3.3.3.3")});
  o.v6_first = false;
  CHECK(interleaved(all, o) == std::vector{a("1.1.1.1"), a("2.2.2.2"), a("::1"), a("::2"), a("3.3.3.3")});
}

TEST_CASE("a dial by another outbound gets an address if a family is chosen", "[proxy][dialer]") {
  const auto resolved = [](dial_family family) {
    fixture f;
    f.names.pin("both.test", {make_address("::1"), make_address("127.0.0.1")});
    dial_options o;
    o.family = family;
    const auto search = std::make_shared<connect_operation>(f.io.get_executor(), f.names, f.policy, o);
    std::error_code ec;
    const destination found = test::run(f.io, search->resolve({network::tcp, "both.test", 80}, ec));
    CHECK_FALSE(ec);
    CHECK(found.port == 80);
    return found.host.to_string();
  };
  CHECK(resolved(dial_family::any) == "both.test");
  CHECK(resolved(dial_family::ipv4) == "127.0.0.1");
  CHECK(resolved(dial_family::only_ipv6) == "::1");
}

TEST_CASE("a dial goes on to the next address when one refuses", "[proxy][dialer]") {
  fixture f;
  tcp::acceptor target(f.io, {make_address("127.0.0.2"), 0});
  f.names.pin("two.test", {make_address("127.0.0.1"), make_address("127.0.0.2")});
  f.connect({network::tcp, "Two.Test.", target.local_endpoint().port()}, {10s, 5s});
  CHECK_FALSE(f.error);
  CHECK(f.remote == target.local_endpoint());
  CHECK(f.took < 2s);
}

TEST_CASE("a dial does not wait for an address that is silent", "[proxy][dialer]") {
  fixture f;
  silent_listener silent(f.io);
  tcp::acceptor target(f.io, {make_address("127.0.0.2"), silent.port()});
  f.names.pin("two.test", {make_address("127.0.0.1"), make_address("127.0.0.2")});
  f.connect({network::tcp, "two.test", silent.port()}, {10s, 50ms});
  CHECK_FALSE(f.error);
  CHECK(f.remote == target.local_endpoint());
  CHECK(f.took >= 50ms);
  CHECK(f.took < 5s);
}

TEST_CASE("a dial prefers one family, and uses the other if there is no address of it", "[proxy][dialer]") {
  const auto found = [](const char* host, dial_family family) {
    fixture f;
    f.names.pin("both.test", {make_address("::1"), make_address("127.0.0.1")});
    f.names.pin("one.test", {make_address("::1")});
    dial_options o;
    o.family = family;
    const auto search = std::make_shared<connect_operation>(f.io.get_executor(), f.names, f.policy, o);
    std::error_code ec;
    const auto all = test::run(f.io, search->find(address(host), 80, ec));
    CHECK_FALSE(ec);
    return all;
  };
  using addresses = std::vector<asio::ip::address>;
  CHECK(found("both.test", dial_family::any) == addresses{make_address("::1"), make_address("127.0.0.1")});
  CHECK(found("both.test", dial_family::ipv4) == addresses{make_address("127.0.0.1")});
  CHECK(found("both.test", dial_family::ipv6) == addresses{make_address("::1")});
  CHECK(found("one.test", dial_family::ipv4) == addresses{make_address("::1")});
  // What the client named by its address is that.
  CHECK(found("127.0.0.1", dial_family::ipv6) == addresses{make_address("127.0.0.1")});
}

TEST_CASE("a dial ends at its deadline", "[proxy][dialer]") {
  fixture f;
  silent_listener silent(f.io);
  f.connect({network::tcp, "127.0.0.1", silent.port()}, {100ms, 50ms});
  CHECK(f.error == errc::target_timeout);
  CHECK(f.took >= 100ms);
}

TEST_CASE("a dial that is cancelled ends with the reason", "[proxy][dialer]") {
  fixture f;
  silent_listener silent(f.io);
  asio::steady_timer timer(f.io, 20ms);
  timer.async_wait([&](std::error_code) { f.attempt->cancel(errc::stream_reset); });
  f.connect({network::tcp, "127.0.0.1", silent.port()});
  CHECK(f.error == errc::stream_reset);
  CHECK(f.took < 5s);
}

TEST_CASE("a target that refuses, does not exist or may not be dialled has its own code", "[proxy][dialer]") {
  const auto code_of = [](const char* host, bool allow_private) {
    fixture f;
    std::uint16_t closed = 0;
    {
      tcp::acceptor passing(f.io, {make_address("127.0.0.1"), 0});
      closed = passing.local_endpoint().port();
    }
    f.policy.allow_private(allow_private);
    f.policy.block("blocked.test");
    f.names.pin("nowhere.test", {});
    f.names.pin("rebind.test", {make_address("127.0.0.1"), make_address("::ffff:10.0.0.1")});
    f.connect({network::tcp, host, closed});
    return f.error;
  };
  CHECK(code_of("127.0.0.1", true) == errc::target_unreachable);
  CHECK(code_of("nowhere.test", true) == errc::target_unreachable);
  CHECK(code_of("127.0.0.1", false) == errc::target_rejected);
  CHECK(code_of("rebind.test", false) == errc::target_rejected);
  CHECK(code_of("www.blocked.test", true) == errc::target_rejected);
}

namespace {

/// The addresses 127.1.0.0 and following ones.
std::vector<asio::ip::address> many_addresses(std::uint32_t count) {
  std::vector<asio::ip::address> all;
  for (std::uint32_t i = 0; i < count; ++i) all.emplace_back(asio::ip::address_v4(0x7f010000u + i));
  return all;
}

/// The most descriptors that are open beside those of the beginning.
struct descriptor_watch {
  explicit descriptor_watch(asio::io_context& io) : timer(io), before(open()) { look(); }
  static std::size_t open() {
    const std::filesystem::directory_iterator all("/proc/self/fd"), end;
    return static_cast<std::size_t>(std::distance(all, end));
  }
  void look() {
    most = std::max(most, open() - before);
    timer.expires_after(std::chrono::milliseconds(1));
    timer.async_wait([this](std::error_code stopped) {
      if (!stopped && looks_left-- > 0) look();
    });
  }
  asio::steady_timer timer;
  const std::size_t before;
  std::size_t most = 0;
  int looks_left = 600;
};

}  // namespace

TEST_CASE("a name with 2,000 silent addresses takes 3 sockets at a time", "[proxy][dialer]") {
  fixture f;
  silent_listener silent(f.io, asio::ip::address_v4::any());
  f.names.pin("many.test", many_addresses(2000));
  descriptor_watch watch(f.io);
  f.connect({network::tcp, "many.test", silent.port()}, {500ms, 1ms});
  CHECK(f.error == errc::target_timeout);
  CHECK(watch.most == 3);
}

TEST_CASE("of a name with 2,000 addresses that refuse, 8 are tried, one by one", "[proxy][dialer]") {
  fixture f;
  tcp::acceptor target(f.io, {make_address("127.1.0.8"), 0});  // the ninth
  f.names.pin("many.test", many_addresses(2000));
  descriptor_watch watch(f.io);
  f.connect({network::tcp, "many.test", target.local_endpoint().port()}, {5s, 100ms});
  CHECK(f.error == errc::target_unreachable);
  CHECK(watch.most <= 1);
}

TEST_CASE("an address behind three silent ones is reached", "[proxy][dialer]") {
  fixture f;
  silent_listener silent(f.io);
  tcp::acceptor target(f.io, {make_address("127.0.0.2"), silent.port()});
  const auto dead = make_address("127.0.0.1");
  f.names.pin("four.test", {dead, dead, dead, make_address("127.0.0.2")});
  f.connect({network::tcp, "four.test", silent.port()}, {4s, 10ms});
  CHECK_FALSE(f.error);
  CHECK(f.remote == target.local_endpoint());
  CHECK(f.took >= 1s);
}

TEST_CASE("a name of this machine is found by the system's resolver", "[proxy][dialer]") {
  fixture f;
  tcp::acceptor target(f.io, {make_address("127.0.0.1"), 0});
  f.connect({network::tcp, "localhost", target.local_endpoint().port()});
  CHECK_FALSE(f.error);
}

TEST_CASE("a target that has accepted a dial that is cut sees a reset", "[proxy][dialer]") {
  fixture f;
  tcp::acceptor target(f.io, {make_address("127.0.0.1"), 0});
  const auto cut = [&f] { f.attempt->cancel(end_code::protocol_error); };
  asio::post(f.io, [&f, cut] { asio::post(f.io, cut); });  // behind the beginning of the dial
  f.connect({network::tcp, "127.0.0.1", target.local_endpoint().port()});
  CHECK(f.error == end_code::protocol_error);
  tcp::socket accepted = target.accept();
  std::error_code ec;
  char byte = 0;
  accepted.read_some(asio::buffer(&byte, 1), ec);
  CHECK(ec == asio::error::connection_reset);
}

TEST_CASE("a target that accepts and resets at once is not called unreachable", "[proxy][dialer]") {
  fixture f;
  tcp::acceptor target(f.io, {make_address("127.0.0.1"), 0});
  const auto reset = [&target] {
    tcp::socket accepted = target.accept();
    accepted.set_option(asio::socket_base::linger(true, 0));
    accepted.close();
  };
  asio::post(f.io, [&f, reset] { asio::post(f.io, reset); });
  f.connect({network::tcp, "127.0.0.1", target.local_endpoint().port()});
  if (f.error) CHECK(f.error == asio::error::connection_reset);  // else its dial was seen to be done before
}
