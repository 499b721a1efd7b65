// The dispatcher's first stages: the content that is learnt, the outbound that rules choose.
#include "catch.hpp"
#include "rules/captures.hpp"
#include "support.hpp"

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/resolver.hpp"
#include "proxy/dial/route_by.hpp"
#include "proxy/fake_dns/fake_dns.hpp"
#include "proxy/outbound/freedom.hpp"
#include "proxy/sniff/sniff_policy.hpp"

#include <muxpro/proxy/dispatcher.hpp>

#include <asio/detached.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using test::as_result;

/// Notes what it was given, and reads to the end.
class witness final : public outbound {
 public:
  asio::awaitable<connection_result> carry(const context& ctx, client& c) override {
    const counted here(*this);
    connection_result result;
    seen = ctx;
    heard = std::string(reinterpret_cast<const char*>(c.early().data()), c.early().size());
    first = heard.size();
    c.take_early();
    co_await c.answer({}, result.why);
    std::array<char, 100> room;
    for (std::error_code ec; !ec;) {
      const std::size_t n = co_await c.read_some(asio::buffer(room), ec);
      heard.append(room.data(), n);
    }
    co_return result;
  }
  std::optional<context> seen;
  std::string heard;
  std::size_t first = 0;
};

struct stages {
  stages() : to(io.get_executor()) {
    to.add("default", by_default);
    to.add("other", other);
    to.observe_by([this](const context&, const connection_result& how, duration) { why = how.why; });
  }

  context known(address host, std::uint16_t port) {
    context ctx;
    ctx.inbound.tag = "in";
    ctx.outbound.original = ctx.outbound.target = destination(network::tcp, std::move(host), port);
    if (sniffing.enabled) ctx.content.sniffing = std::make_shared<const sniff_policy>(sniffing, geo);
    return ctx;
  }
  void rules(std::vector<routing_rule> list, domain_strategy strategy = domain_strategy::as_is) {
    router_options options;
    options.rules = std::move(list);
    options.strategy = strategy;
    options.outbound_tags = {"default", "other"};
    const auto rules = std::make_shared<const router>(options, geo);
    to.route_by(by_rules(rules, names), rules->by_content());
  }
  /// A client that sends `what` and no more.
  void send(context ctx, std::string what) {
    test::run(io, one(*this, std::move(ctx), std::move(what)));
    test::run_until(io, [this] { return to.live() == 0; });
  }
  static asio::awaitable<void> one(stages& s, context ctx, std::string what) {
    return in_segments(s, std::move(ctx), std::move(what), std::string::npos);
  }
  /// Of that size, the next one when the last one was looked at.
  static asio::awaitable<void> in_segments(stages& s, context ctx, std::string what, std::size_t size) {
    target_link link = s.to.dispatch(std::move(ctx));
    std::tie(s.told) = co_await link.async_wait_for_target(as_result);
    if (s.told) co_return;
    for (std::size_t at = 0; at < what.size(); at += std::min(size, what.size())) {
      const std::string segment = what.substr(at, size);
      co_await asio::async_write(link.stream, asio::buffer(segment), as_result);
      for (int turns = 0; turns < 20; ++turns) co_await asio::post(s.io, asio::use_awaitable);
    }
    co_await link.stream.async_shutdown(as_result);
    char none;
    co_await link.stream.async_read_some(asio::buffer(&none, 1), as_result);
  }

  asio::io_context io;
  geo_files geo;
  resolver names;
  sniffing_options sniffing;
  std::shared_ptr<witness> by_default = std::make_shared<witness>(), other = std::make_shared<witness>();
  dispatcher to;
  std::error_code told, why;
};

const std::string request = "GET /index.html HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\n\r\n";

// --- a server that sends first

const std::string banner = "220 mail.example ready\r\n";
constexpr duration tolerated = 200ms;

/// Sends it, and waits for the client to go.
asio::awaitable<void> greet(asio::ip::tcp::acceptor& at) {
  for (;;) {
    auto [error, client] = co_await at.async_accept(as_result);
    if (error) co_return;
    co_await asio::async_write(client, asio::buffer(banner), as_result);
    char none;
    while (!std::get<0>(co_await client.async_read_some(asio::buffer(&none, 1), as_result))) {
    }
  }
}

asio::awaitable<void> note_banner(pipe_end& from, std::string& heard, time_point& when) {
  std::string room(banner.size(), ' ');
  const auto [error, n] = co_await asio::async_read(from, asio::buffer(room), as_result);
  when = std::chrono::steady_clock::now();
  heard = error ? error.message() : room;
}

/// How long a client waits for it that is silent, or sends a byte of its request every now and then.
asio::awaitable<duration> wait_for_banner(stages& s, std::uint16_t port, bool drips) {
  context ctx = s.known("127.0.0.1", port);
  ctx.outbound.tag = "direct";
  const time_point begun = std::chrono::steady_clock::now();
  target_link link = s.to.dispatch(std::move(ctx));
  std::string heard;
  time_point when;
  asio::co_spawn(s.io, note_banner(link.stream, heard, when), asio::detached);
  asio::steady_timer timer(s.io);
  for (std::size_t i = 0; heard.empty(); ++i) {
    if (drips && i < request.size() / 2)
      co_await asio::async_write(link.stream, asio::buffer(&request[i], 1), as_result);
    timer.expires_after(20ms);
    co_await timer.async_wait(as_result);
  }
  CHECK(heard == banner);
  co_return when - begun;
}

routing_rule rule_for(std::vector<std::string> domains) {
  routing_rule r;
  r.domain = std::move(domains);
  r.outbound_tag = "other";
  return r;
}

}  // namespace

TEST_CASE("dispatcher: a sniffed name is for the rules, the address is dialled", "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  s.rules({rule_for({"example.com"})});
  s.send(s.known("192.0.2.1", 80), request);
  REQUIRE(s.other->seen);
  CHECK(s.other->heard == request);
  CHECK(s.other->first == request.size());
  CHECK(to_string(s.other->seen->outbound.target) == "tcp:192.0.2.1:80");
  CHECK(to_string(*s.other->seen->outbound.route_target) == "tcp:example.com:80");
  CHECK(s.other->seen->content.protocol == "http1");
  CHECK(s.other->seen->content.attributes.at(":path") == "/index.html");
  CHECK_FALSE(s.by_default->seen);
}

TEST_CASE("dispatcher: a sniffed name that is dialled is judged anew (K4)", "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  s.sniffing.dest_override = {"http"};
  s.sniffing.route_only = false;
  dial_policy public_only;
  const auto direct =
      std::make_shared<freedom>(s.names, public_only, dial_options(), relay_options(), nullptr);
  s.to.add("direct", direct);
  for (const char* name : {"rebind.example", "127.0.0.1", "LOCALHOST."}) {
    s.names.pin("rebind.example", {asio::ip::make_address("10.0.0.1")});
    context ctx = s.known("192.0.2.1", 80);
    ctx.outbound.tag = "direct";
    s.send(std::move(ctx), "GET / HTTP/1.1\r\nHost: " + std::string(name) + "\r\n\r\n");
    CHECK(s.why == errc::target_rejected);
  }
}

TEST_CASE("dispatcher: without a byte from the client sniffing ends in time", "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  s.sniffing.timeout = 20ms;
  s.rules({rule_for({"example.com"})});
  const auto begun = std::chrono::steady_clock::now();
  test::run(s.io, [](stages& x) -> asio::awaitable<void> {
    target_link link = x.to.dispatch(x.known("192.0.2.1", 80));
    const auto [there] = co_await link.async_wait_for_target(as_result);
    CHECK_FALSE(there);
    co_await asio::async_write(link.stream, asio::buffer(request.data(), 10), as_result);
    while (!x.by_default->seen) co_await asio::post(x.io, asio::use_awaitable);
    co_await asio::async_write(link.stream, asio::buffer(request.data() + 10, 10), as_result);
    co_await link.stream.async_shutdown(as_result);
    char none;
    co_await link.stream.async_read_some(asio::buffer(&none, 1), as_result);
  }(s));
  CHECK(std::chrono::steady_clock::now() - begun >= 20ms);
  CHECK(s.by_default->heard == request.substr(0, 20));
  CHECK(s.by_default->first == 10);
}

TEST_CASE("dispatcher: a client that waits for the server's first bytes loses the limit and no more (K3)",
          "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  REQUIRE(s.sniffing.timeout == 300ms);
  dial_policy anywhere;
  anywhere.allow_private(true);
  s.to.add("direct", std::make_shared<freedom>(s.names, anywhere, dial_options(), relay_options(), nullptr));
  asio::ip::tcp::acceptor at(s.io, {asio::ip::make_address("127.0.0.1"), 0});
  asio::co_spawn(s.io, greet(at), asio::detached);
  for (const bool drips : {false, true}) {
    INFO((drips ? "a byte now and then" : "silent"));
    // A machine that is busy elsewhere is late once, and not each time.
    duration best = duration::max();
    for (int i = 0; i < 3 && best >= s.sniffing.timeout + tolerated; ++i) {
      const duration took = test::run(s.io, wait_for_banner(s, at.local_endpoint().port(), drips));
      CHECK(took >= s.sniffing.timeout);
      best = std::min(best, took);
    }
    CHECK(best < s.sniffing.timeout + tolerated);
  }
}

TEST_CASE("dispatcher: the name in a browser's hello is found behind the first segment (K1)",
          "[proxy][dispatcher]") {
  const rules_test::captured_hello& hello = rules_test::captured_hellos().back();
  const std::string bytes = rules_test::text_of(hello.bytes);
  for (const std::size_t size : {1460U, 536U, 100U}) {
    stages s;
    s.sniffing.enabled = true;
    s.rules({rule_for({"full:" + hello.name})});
    test::run(s.io, stages::in_segments(s, s.known("192.0.2.1", 443), bytes, size));
    test::run_until(s.io, [&s] { return s.to.live() == 0; });
    REQUIRE(s.other->seen);
    CHECK(s.other->seen->content.protocol == "tls");
    CHECK(s.other->first > size);
    CHECK(s.other->heard == bytes);
  }
}

TEST_CASE("dispatcher: a client that sends little and ends is carried", "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  s.send(s.known("192.0.2.1", 80), request.substr(0, 5));
  REQUIRE(s.by_default->seen);
  CHECK(s.by_default->heard == request.substr(0, 5));
}

TEST_CASE("dispatcher: a client that goes while it is sniffed reaches no target", "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  { const target_link gone = s.to.dispatch(s.known("192.0.2.1", 80)); }
  test::run_until(s.io, [&] { return s.to.live() == 0 && s.why; });
  CHECK(s.why == asio::error::connection_reset);
  CHECK_FALSE(s.by_default->seen);
}

TEST_CASE("dispatcher: an address of FakeDNS becomes its name", "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  s.sniffing.metadata_only = true;
  const auto fakes = std::make_shared<fake_dns>();
  s.to.use_fake_dns(fakes);
  s.rules({rule_for({"full:example.com"})});
  s.send(s.known(*fakes->address_of("example.com", address::kind::ipv4), 25), "hello");
  REQUIRE(s.other->seen);
  CHECK(to_string(s.other->seen->outbound.target) == "tcp:example.com:25");
  CHECK(s.other->first == 0);
  CHECK(s.other->heard == "hello");
}

TEST_CASE("dispatcher: an address of FakeDNS without a name is not dialled", "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = GENERATE(false, true);
  s.sniffing.dest_override = {"fakedns"};
  s.to.use_fake_dns(std::make_shared<fake_dns>());
  s.send(s.known("198.18.0.77", 80), "hello");
  CHECK(s.told == fake_dns_errc::unknown_address);
  CHECK(s.why == fake_dns_errc::unknown_address);
  CHECK(s.why == std::errc::host_unreachable);
  CHECK_FALSE(s.by_default->seen);
  s.send(s.known("198.20.0.77", 80), "hello");
  CHECK(s.by_default->seen);
}

TEST_CASE("dispatcher: content may name what an address of FakeDNS stands for no more",
          "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  s.to.use_fake_dns(std::make_shared<fake_dns>());
  s.send(s.known("198.18.0.77", 80), request);
  REQUIRE(s.by_default->seen);
  CHECK(to_string(s.by_default->seen->outbound.target) == "tcp:example.com:80");
}

TEST_CASE("dispatcher: a name that is excluded from sniffing is translated back all the same",
          "[proxy][dispatcher]") {
  stages s;
  s.sniffing.enabled = true;
  s.sniffing.metadata_only = true;
  s.sniffing.domains_excluded = {"example.com"};
  s.sniffing.ips_excluded = {"198.18.0.0/15"};
  s.sniffing.ports_excluded = "25";
  const auto fakes = std::make_shared<fake_dns>();
  s.to.use_fake_dns(fakes);
  s.send(s.known(*fakes->address_of("example.com", address::kind::ipv4), 25), "hello");
  REQUIRE(s.by_default->seen);
  CHECK(to_string(s.by_default->seen->outbound.target) == "tcp:example.com:25");
}

TEST_CASE("dispatcher: success waits for the target where no content is needed", "[proxy][dispatcher]") {
  const bool rules_look = GENERATE(false, true);
  stages s;
  s.sniffing.enabled = true;
  s.sniffing.dest_override = {"fakedns"};
  s.sniffing.metadata_only = GENERATE(false, true);
  routing_rule to_none;
  to_none.outbound_tag = "other";
  (rules_look ? to_none.protocol : to_none.domain) = {"bittorrent"};
  s.rules({to_none});
  context ctx = s.known("192.0.2.1", 80);
  ctx.outbound.tag = "there is none";
  s.send(std::move(ctx), "hello");
  const bool early = rules_look && !s.sniffing.metadata_only;
  CHECK(s.told == (early ? std::error_code() : make_error_code(errc::target_rejected)));
}

TEST_CASE("dispatcher: names are resolved if a rule needs addresses", "[proxy][dispatcher]") {
  stages s;
  routing_rule r;
  r.ip = {"192.0.2.0/24"};
  r.outbound_tag = "other";
  s.names.pin("inside.example", {asio::ip::make_address("192.0.2.7")});
  const bool resolves = GENERATE(false, true);
  s.rules({r}, resolves ? domain_strategy::ip_if_non_match : domain_strategy::as_is);
  s.send(s.known("inside.example", 80), "hello");
  CHECK(s.other->seen.has_value() == resolves);
  CHECK(s.by_default->seen.has_value() != resolves);
}

TEST_CASE("dispatcher: an outbound that was forced is not for the rules", "[proxy][dispatcher]") {
  stages s;
  s.rules({rule_for({"example.com"})});
  context ctx = s.known("example.com", 80);
  ctx.outbound.tag = "default";
  s.send(std::move(ctx), "hello");
  CHECK(s.by_default->seen);
  CHECK_FALSE(s.other->seen);
}

TEST_CASE("dispatcher: an outbound that throws is a failed connection", "[proxy][dispatcher]") {
  class broken final : public outbound {
    asio::awaitable<connection_result> carry(const context&, client&) override {
      throw std::system_error(std::make_error_code(std::errc::io_error));
      co_return connection_result();
    }
  };
  stages s;
  s.to.add("broken", std::make_shared<broken>());
  context ctx = s.known("example.com", 80);
  ctx.outbound.tag = "broken";
  s.send(std::move(ctx), "hello");
  CHECK(s.told);
  CHECK(s.why == std::errc::io_error);
}
