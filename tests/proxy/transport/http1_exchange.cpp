// Requests of HTTP/1.1 as streams, in both roles, over a pipe.
#include "http2_meeting.hpp"

#include "proxy/transport/http1_server.hpp"

#include <muxpro/proxy/connection.hpp>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace http1_exchange_test {

using namespace http2_test;

namespace {

awaitable<std::string> all_of(connection& c) {
  std::string text;
  std::array<char, 300> room;
  for (;;) {
    std::error_code ec;
    const std::size_t n = co_await c.read_some(asio::buffer(room), ec);
    text.append(room.data(), n);
    if (ec) co_return text + (ec == asio::error::eof ? "|" : "!");
  }
}

/// What has come when it ends with `end`.
awaitable<std::string> read_to(pipe_end& from, std::string_view end) {
  std::string text;
  std::array<char, 300> room;
  while (!text.ends_with(end)) {
    const auto [ec, n] = co_await from.async_read_some(asio::buffer(room), as_result);
    REQUIRE_FALSE(ec);
    text.append(room.data(), n);
  }
  co_return text;
}

awaitable<> write_all(connection& c, std::string text) {
  std::error_code ec;
  if (!text.empty()) co_await c.write(asio::buffer(text), ec);
  co_await c.finish();
}

/// Answers with the body of the request, which it reads first.
awaitable<> echo(std::shared_ptr<http1_exchange> e) {
  e->answer({{"X-Echo", "1"}});
  const auto c = make_connection(coroutine_stream(e));
  std::string body = co_await all_of(*c);
  std::error_code ec;
  if (body.size() > 1) co_await c->write(asio::buffer(body.data(), body.size() - 1), ec);
  co_await c->finish();
  c->close();
}

/// Ends its answer while it reads the body.
awaitable<> answer_first(std::shared_ptr<http1_exchange> e) {
  e->answer({});
  const auto c = make_connection(coroutine_stream(e));
  std::error_code ec;
  co_await c->write(asio::buffer("one", 3), ec);
  bool read = false;
  asio::co_spawn(
      c->get_executor(), [](connection& from) -> awaitable<> { co_await all_of(from); }(*c),
      [&read](std::exception_ptr) { read = true; });
  co_await c->finish();
  co_await wait_for([&] { return read; });
  c->close();
}

struct http1_meeting {
  http1_meeting() : wire(make_pipe(io.get_executor(), 1 << 16)) {}

  void serve(std::function<void(http_request, std::shared_ptr<http1_exchange>)> take = {}) {
    if (!take)
      take = [this](http_request r, std::shared_ptr<http1_exchange> e) {
        paths.push_back(r.path);
        asio::co_spawn(io, echo(std::move(e)), [](std::exception_ptr) {});
      };
    asio::co_spawn(io, serve_all(shared(std::move(wire.second)), std::move(take), ended),
                   [](std::exception_ptr) {});
  }
  static awaitable<> serve_all(std::shared_ptr<connection> below,
                               std::function<void(http_request, std::shared_ptr<http1_exchange>)> take,
                               bool& ended) {
    std::error_code ec;
    const auto s = std::make_shared<http1_server>(std::move(below), http_head_limits(), std::move(take));
    std::vector<std::byte> early;
    co_await s->run(ec, std::move(early));
    ended = true;
  }
  void run(std::function<awaitable<>(http1_meeting&)> work) { test::run(io, work(*this)); }

  asio::io_context io;
  std::pair<pipe_end, pipe_end> wire;
  std::vector<std::string> paths;
  bool ended = false;
};

http_request with_body(std::uint64_t size) {
  http_request r;
  r.method = "POST";
  r.path = "/a";
  r.fields = {{"Host", "a.example"}};
  r.body = {http_framing::kind::length, size};
  return r;
}

}  // namespace

TEST_CASE("http1: requests follow each other on a connection, also before their answers", "[proxy][http1]") {
  http1_meeting x;
  x.serve();
  x.run([](http1_meeting& m) -> awaitable<> {
    const std::string text =
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
        "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n"
        "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(m.wire.first, asio::buffer(text), as_result);
    const auto c = shared(std::move(m.wire.first));
    const std::string heard = co_await all_of(*c);
    const std::string head = "HTTP/1.1 200 OK\r\nX-Echo: 1\r\n",
                      chunked = "Transfer-Encoding: chunked\r\n\r\n";
    CHECK(heard == head + chunked + "3\r\none\r\n0\r\n\r\n" + head + chunked + "3\r\ntwo\r\n0\r\n\r\n" +
                       head + "Connection: close\r\nContent-Length: 0\r\n\r\n|");
    CHECK(m.paths == std::vector<std::string>{"/1", "/2", "/3"});
  });
  test::run_until(x.io, [&] { return x.ended; });
}

TEST_CASE("http1: the end of an answer does not come together with its last bytes", "[proxy][http1]") {
  http1_meeting x;
  x.serve();
  x.run([](http1_meeting& m) -> awaitable<> {
    const std::string text = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none";
    co_await asio::async_write(m.wire.first, asio::buffer(text), as_result);
    co_await read_to(m.wire.first, "one\r\n");
    const auto begin = std::chrono::steady_clock::now();
    const std::string end = co_await read_to(m.wire.first, "\n");
    CHECK(end == "0\r\n\r\n");
    CHECK(std::chrono::steady_clock::now() - begin > 50ms);
  });
}

TEST_CASE("http1: a request that ends meanwhile does not overtake the end of its answer", "[proxy][http1]") {
  http1_meeting x;
  x.serve([&](http_request r, std::shared_ptr<http1_exchange> e) {
    auto work = r.path == "/1" ? answer_first(std::move(e)) : echo(std::move(e));
    asio::co_spawn(x.io, std::move(work), [](std::exception_ptr) {});
  });
  x.run([](http1_meeting& m) -> awaitable<> {
    const std::string head = "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                      rest = "0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(m.wire.first, asio::buffer(head), as_result);
    co_await read_to(m.wire.first, "one\r\n");
    co_await asio::async_write(m.wire.first, asio::buffer(rest), as_result);
    const auto c = shared(std::move(m.wire.first));
    const std::string behind = co_await all_of(*c);
    CHECK(behind ==
          "0\r\n\r\nHTTP/1.1 200 OK\r\nX-Echo: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n|");
  });
}

TEST_CASE("http1: an exchange is cut while it waits with the end", "[proxy][http1]") {
  http1_meeting x;
  std::weak_ptr<http1_exchange> cut;
  x.serve([&](http_request, std::shared_ptr<http1_exchange> e) {
    cut = e;
    asio::co_spawn(x.io, echo(std::move(e)), [](std::exception_ptr) {});
  });
  x.run([&](http1_meeting& m) -> awaitable<> {
    const std::string text = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none";
    co_await asio::async_write(m.wire.first, asio::buffer(text), as_result);
    co_await read_to(m.wire.first, "one\r\n");
    cut.lock()->cut(end_code::remote_disconnect);
    std::array<char, 300> room;
    const auto [ec, n] = co_await m.wire.first.async_read_some(asio::buffer(room), as_result);
    CHECK(ec);
    CHECK(n == 0);
    co_await wait_for([&] { return cut.expired() && m.ended; });
  });
}

TEST_CASE("http1: a client of HTTP/1.0 gets no chunks", "[proxy][http1]") {
  http1_meeting x;
  x.serve();
  x.run([](http1_meeting& m) -> awaitable<> {
    const std::string text = "POST /1 HTTP/1.0\r\nContent-Length: 3\r\n\r\none";
    co_await asio::async_write(m.wire.first, asio::buffer(text), as_result);
    const auto c = shared(std::move(m.wire.first));
    const std::string heard = co_await all_of(*c);
    CHECK(heard == "HTTP/1.1 200 OK\r\nX-Echo: 1\r\nConnection: close\r\n\r\none|");
  });
}

TEST_CASE("http1: bodies arrive whatever their sizes", "[proxy][http1]") {
  for (const bool counted : {false, true})
    for (const std::size_t size : {0U, 1U, 299U, 300U, 301U, 65'536U, 200'000U}) {
      INFO(size);
      http1_meeting x;
      x.serve();
      x.run([&](http1_meeting& m) -> awaitable<> {
        http_request r = with_body(size);
        if (!counted) r.body = {http_framing::kind::chunked, 0};
        bool kept = false;
        http1_exchange::ending over = [&kept](bool keeps, std::vector<std::byte>) { kept = keeps; };
        const auto below = shared(std::move(m.wire.first));
        const auto e = http1_exchange::asking(below, r, true, std::move(over));
        std::error_code ec;
        co_await e->begin(ec);
        const auto c = make_connection(coroutine_stream(e));
        const std::string body(size, 'x');
        asio::co_spawn(m.io, write_all(*c, body), [](std::exception_ptr) {});
        const std::string heard = co_await all_of(*c);
        CHECK(heard == body + "|");
        CHECK(kept);
      });
    }
}

TEST_CASE("http1: a client sees the status of an answer, and a cut one", "[proxy][http1]") {
  for (const auto& [answer, error] : std::vector<std::pair<std::string, std::string>>{
           {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "the server has answered with HTTP status 404"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "Connection reset by peer"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz",
            "the body of an HTTP message is malformed"},
           {"nonsense", "the body of an HTTP message is malformed"}}) {
    http1_meeting x;
    x.run([&, text = answer, expected = error](http1_meeting& m) -> awaitable<> {
      const auto e = http1_exchange::asking(shared(std::move(m.wire.first)), with_body(0), false, {});
      co_await asio::async_write(m.wire.second, asio::buffer(text), as_result);
      co_await m.wire.second.async_shutdown(as_result);
      std::error_code ec;
      co_await e->begin(ec);
      const auto c = make_connection(coroutine_stream(e));
      std::array<char, 10> room;
      ec.clear();
      while (!ec) co_await c->read_some(asio::buffer(room), ec);
      CHECK(ec.message() == expected);
    });
  }
}

TEST_CASE("http1: a client that leaves in the middle of an answer", "[proxy][http1]") {
  http1_meeting x;
  bool gone = false;
  std::vector<std::shared_ptr<http1_exchange>> kept;
  x.serve([&](http_request, std::shared_ptr<http1_exchange> e) {
    e->answer({});
    e->watch([&gone] { gone = true; });
    kept.push_back(std::move(e));
  });
  x.run([&](http1_meeting& m) -> awaitable<> {
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    co_await asio::async_write(m.wire.first, asio::buffer(text), as_result);
    co_await wait_for([&] { return !kept.empty(); });
    std::error_code ec;
    co_await kept[0]->begin(ec);
    co_await pause(5ms);
    CHECK_FALSE(gone);
    m.wire.first.close();
    co_await wait_for([&] { return gone; });
    kept.clear();
    co_await wait_for([&] { return m.ended; });
  });
}

}  // namespace http1_exchange_test
