// The forward proxy for HTTP between a client and targets, in memory.
#include "stages.hpp"

#include "proxy/inbound/http.hpp"

#include <string_view>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace stages;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

const std::string connect_head = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
const std::string established = "HTTP/1.1 200 Connection established\r\n\r\n";
const std::string get = "GET http://example.com/x HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";
const std::string get_upstream = "GET /x HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";
const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";

http_inbound with_limits(duration handshake, duration idle = 300s) {
  http_inbound_options o;
  o.handshake = handshake;
  o.relay.idle = idle;
  return http_inbound(o);
}

/// A target that reads `size` bytes, sends `answer`, and ends.
actor::part answers(std::string& heard, std::size_t size, std::string answer, error_code why = {}) {
  return [&heard, size, answer, why](pipe_end& link) -> asio::awaitable<error_code> {
    heard = co_await read(link, size);
    co_await write(link, answer);
    if (!why) {
      co_await link.async_shutdown(as_result);
      heard += co_await read_all(link);
    }
    co_return why;
  };
}

/// What a client gets for `request`, and what the target got.
struct exchange {
  explicit exchange(std::string request, std::size_t size = get_upstream.size(), std::string answer = ok) {
    bench b(http_inbound({}));
    target = std::make_shared<actor>(answers(at_target, size, std::move(answer)));
    b.to.add("target", target);
    b.run(talk(b, request));
  }
  asio::awaitable<void> talk(bench& b, std::string request) {
    at_client = co_await ask(b, std::move(request));
  }

  std::shared_ptr<actor> target;
  std::string at_client, at_target;
};

std::string refusal(const error_code& why, std::string request = get) {
  bench b(http_inbound({}));
  const auto target = std::make_shared<wall>(why);
  b.to.add("wall", target);
  std::string heard;
  const auto talk = [&]() -> asio::awaitable<void> { heard = co_await ask(b, request + "early data"); };
  b.run(talk());
  return heard;
}

/// What a client gets if its target ends so.
std::string broken_answer(std::string before, error_code why) {
  bench b(http_inbound({}));
  std::string at_target, heard;
  b.to.add("target",
           std::make_shared<actor>(answers(at_target, get_upstream.size(), std::move(before), why)));
  const auto talk = [&]() -> asio::awaitable<void> { heard = co_await ask(b, get); };
  b.run(talk());
  return heard;
}

}  // namespace

TEST_CASE("http: a CONNECT becomes a tunnel, and early data waits for it", "[proxy][http]") {
  bench b(http_inbound({}));
  const auto target = std::make_shared<parrot>();
  b.to.add("parrot", target);
  b.run([](bench& x) -> asio::awaitable<void> {
    const std::string answer = co_await say(x, connect_head + "hello", established.size() + 5);
    CHECK(answer == established + "hello");
    co_await x.client.async_shutdown();
    const std::string end = co_await read_all(x.client);
    CHECK(end == "|");
  });
  REQUIRE(target->seen.size() == 1);
  const context& ctx = target->seen[0];
  CHECK(to_string(ctx.outbound.original) == "tcp:example.com:443");
  CHECK(ctx.inbound.protocol == "http");
  CHECK(ctx.content.protocol.empty());
  CHECK(ctx.content.attributes.at(":method") == "CONNECT");
  CHECK(b.ended == std::vector<std::string>{"tcp:example.com:443 via parrot: 5 5 done"});
}

TEST_CASE("http: a missing target is reported in one sentence, and gets no byte", "[proxy][http]") {
  CHECK_THAT(refusal(end_code::rejected), StartsWith("HTTP/1.1 403 "));
  CHECK_THAT(refusal(end_code::timeout), StartsWith("HTTP/1.1 504 "));
  CHECK_THAT(refusal(end_code::unreachable), StartsWith("HTTP/1.1 502 "));
  CHECK_THAT(refusal(asio::error::connection_refused, connect_head),
             StartsWith("HTTP/1.1 502 ") && EndsWith("\r\n\r\nThe target has refused the connection.\n|"));
  CHECK_THAT(refusal(end_code::rejected, connect_head), StartsWith("HTTP/1.1 403 "));
}

TEST_CASE("http: a request goes on in origin-form", "[proxy][http]") {
  const exchange e(get);
  CHECK(e.at_target == get_upstream + "|");
  CHECK(e.at_client == ok + "|");
  REQUIRE(e.target->seen.size() == 1);
  const context& ctx = e.target->seen[0];
  CHECK(to_string(ctx.outbound.target) == "tcp:example.com:80");
  CHECK(ctx.content.protocol == "http/1.1");
  CHECK(ctx.content.attributes.at(":path") == "/x");
}

TEST_CASE("http: not one byte behind a body reaches the target", "[proxy][http]") {
  const std::string head = "POST http://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", second = get;
  const std::string upstream = "POST / HTTP/1.1\r\nHost: a\r\n", close = "Connection: close\r\n\r\n";
  SECTION("no body") {
    const exchange e(get + second);
    CHECK(e.at_target == get_upstream + "|");
    CHECK(e.at_client == ok + "|");
  }
  SECTION("a length") {
    const std::string want = upstream + "Content-Length: 5\r\n" + close + "hello";
    const exchange e(head + "Content-Length: 5\r\n\r\nhello" + second, want.size());
    CHECK(e.at_target == want + "|");
    CHECK(e.at_client == ok + "|");
  }
  SECTION("chunks") {
    const std::string body = "3\r\nabc\r\n0\r\nX: y\r\n\r\n";
    const std::string want = upstream + "Transfer-Encoding: chunked\r\n" + close + body;
    const exchange e(head + "Transfer-Encoding: chunked\r\n\r\n" + body + second, want.size());
    CHECK(e.at_target == want + "|");
    CHECK(e.at_client == ok + "|");
  }
}

TEST_CASE("http: two readings of a request are one refusal, and no connection", "[proxy][http]") {
  const std::string head = "POST http://a/ HTTP/1.1\r\nHost: a\r\n";
  for (const std::string& request :
       {head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        head + "Transfer-Encoding : chunked\r\n\r\n",
        "POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n"s, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s}) {
    const exchange e(request);
    CAPTURE(request);
    CHECK(e.target->seen.empty());
    CHECK_THAT(e.at_client, StartsWith("HTTP/1.1 400 ") && EndsWith(".\n|"));
  }
  const exchange e("GET http://a/ HTTP/1.1\r\nX: " + std::string(70000, 'x'));
  CHECK(e.target->seen.empty());
  CHECK_THAT(e.at_client, StartsWith("HTTP/1.1 431 "));
}

TEST_CASE("http: a broken chunk is reported to the client and cut at the target", "[proxy][http]") {
  const exchange e("POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz", 1000);
  CHECK_THAT(e.at_client, StartsWith("HTTP/1.1 400 "));
}

TEST_CASE("http: where there are users, nothing goes without the right secret", "[proxy][http]") {
  const auto try_with = [](std::string field) {
    http_inbound_options options;
    options.users.add("alice", "secret");
    bench b(http_inbound(std::move(options)));
    const auto target = std::make_shared<parrot>();
    b.to.add("parrot", target);
    std::string heard;
    const auto talk = [&]() -> asio::awaitable<void> {
      heard = co_await say(b, "CONNECT a:1 HTTP/1.1\r\n" + field + "\r\n", established.size());
    };
    b.run(talk());
    if (heard == established) CHECK(target->seen.at(0).inbound.user.name == "alice");
    return heard == established ? target->seen.size() : heard.find(" 407 ") == 8 ? target->seen.size() : 99;
  };
  CHECK(try_with("") == 0);
  CHECK(try_with("Proxy-Authorization: Basic YWxpY2U6d3Jvbmc=\r\n") == 0);
  CHECK(try_with("Authorization: Basic YWxpY2U6c2VjcmV0\r\n") == 0);
  CHECK(try_with("Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n") == 1);
}

TEST_CASE("http: a client without a request is cut in time", "[proxy][http]") {
  for (const char* said : {"", "GET http://a/ HTTP/1.1\r\n"}) {
    bench b(with_limits(20ms));
    std::string heard;
    const auto talk = [&]() -> asio::awaitable<void> { heard = co_await ask(b, said); };
    b.run(talk());
    CHECK(heard == "!");
  }
}

TEST_CASE("http: an answer that was cut does not look whole", "[proxy][http]") {
  const std::string part = ok.substr(0, ok.size() - 1);
  CHECK(broken_answer(part, asio::error::connection_reset) == part + "!");
  CHECK(exchange(get, get_upstream.size(), part).at_client == part + "!");
  for (const char* head : {"", "HTTP/1.1 200 OK\r\n"}) {
    CHECK_THAT(broken_answer(head, end_code::timeout), StartsWith("HTTP/1.1 504 ") && EndsWith("\n|"));
    CHECK_THAT(broken_answer(head, end_code::rejected), StartsWith("HTTP/1.1 403 "));
    CHECK_THAT(broken_answer(head, end_code::unreachable), StartsWith("HTTP/1.1 502 "));
    CHECK_THAT(exchange(get, get_upstream.size(), head).at_client,
               StartsWith("HTTP/1.1 502 ") && EndsWith("ended the connection without an answer.\n|"));
  }
}

TEST_CASE("http: a target that is silent for too long is given up", "[proxy][http]") {
  const auto waits = [](std::string said) {
    bench b(with_limits(10s, 30ms));
    std::string heard, at_target;
    b.to.add("target", std::make_shared<actor>([&, said](pipe_end& link) -> asio::awaitable<error_code> {
               co_await write(link, said);
               at_target = co_await read_all(link);
               co_return error_code();
             }));
    const auto talk = [&]() -> asio::awaitable<void> { heard = co_await ask(b, get); };
    b.run(talk());
    CHECK(at_target == get_upstream + "!");
    return heard;
  };
  CHECK_THAT(waits(""), StartsWith("HTTP/1.1 504 "));
  CHECK_THAT(waits("HTTP"), StartsWith("HTTP/1.1 504 "));
  CHECK(waits(ok.substr(0, ok.size() - 1)) == ok.substr(0, ok.size() - 1) + "!");
}

TEST_CASE("http: a client that is cut cuts its target, one that has ended gets its answer", "[proxy][http]") {
  const auto leave = [](std::string request, bool in_good_order) {
    bench b(http_inbound({}));
    std::string heard, at_target;
    b.to.add("target", std::make_shared<actor>([&](pipe_end& link) -> asio::awaitable<error_code> {
               at_target = co_await read(link, 5);
               if (in_good_order) co_await write(link, ok);
               if (in_good_order) co_await link.async_shutdown(as_result);
               const std::string rest = co_await read_all(link);
               at_target = rest.substr(rest.size() - 1);
               co_return error_code();
             }));
    const auto talk = [&]() -> asio::awaitable<void> {
      co_await write(b.client, request);
      if (in_good_order) co_await b.client.async_shutdown();
      if (in_good_order) heard = co_await read_all(b.client);
      while (at_target.empty()) co_await asio::post(b.io, asio::use_awaitable);
    };
    b.run(talk());
    test::run_until(b.io, [&] { return at_target.size() == 1; });
    return heard + " " + at_target;
  };
  CHECK(leave(get, true) == ok + "| |");
  CHECK(leave(get, false) == " !");
  CHECK(leave("POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", false) == " !");
}

TEST_CASE("http: a body that ends too early is a cut", "[proxy][http]") {
  bench b(http_inbound({}));
  std::string at_target;
  b.to.add("target", std::make_shared<actor>([&](pipe_end& link) -> asio::awaitable<error_code> {
             at_target = co_await read_all(link);
             co_return error_code();
           }));
  b.run([](bench& x) -> asio::awaitable<void> {
    co_await write(x.client, "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell");
    co_await x.client.async_shutdown();
    const std::string heard = co_await read_all(x.client);
    CHECK(heard == "!");
  });
  test::run_until(b.io, [&] { return !at_target.empty(); });
  CHECK_THAT(at_target, EndsWith("!"));
}

TEST_CASE("http: an upgrade is a tunnel once the target has agreed, and not before", "[proxy][http]") {
  const std::string upgrade =
      "GET http://a/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  const std::string upstream =
      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  const auto talks = [&](std::string answer) {
    bench b(http_inbound({}));
    std::string heard, at_target;
    b.to.add("target", std::make_shared<actor>([&, answer](pipe_end& link) -> asio::awaitable<error_code> {
               at_target = co_await read(link, upstream.size());
               for (int i = 0; i < 20; ++i) co_await asio::post(b.io, asio::use_awaitable);
               CHECK(link.available() == 0);
               co_await write(link, answer);
               if (answer.find("101") == std::string::npos) co_await link.async_shutdown(as_result);
               at_target += co_await read_all(link);
               co_await link.async_shutdown(as_result);
               co_return error_code();
             }));
    const auto talk = [&]() -> asio::awaitable<void> {
      co_await write(b.client, upgrade + "early");
      co_await b.client.async_shutdown();
      heard = co_await read_all(b.client);
    };
    b.run(talk());
    return heard + " " + at_target.substr(upstream.size());
  };
  const std::string switching = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n";
  CHECK(talks(switching + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello") ==
        switching + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello| early|");
  CHECK(talks(switching + "\r\nhello") == switching + "Connection: Upgrade\r\n\r\nhello| early|");
  CHECK(talks(ok) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi| |");
}
