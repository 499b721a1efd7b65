// The connections of HTTP/1.1 on which requests follow each other.
#include "http2_meeting.hpp"

#include "proxy/transport/http1_server.hpp"
#include "proxy/transport/http_requests.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace http1_pool_test {

using namespace http2_test;

namespace {

awaitable<> read_request(std::shared_ptr<http1_exchange> e) {
  e->answer({});
  const auto c = make_connection(coroutine_stream(e));
  std::array<char, 300> room;
  std::error_code ec;
  while (!ec) co_await c->read_some(asio::buffer(room), ec);
  co_await c->finish();
  c->close();
}

/// A server whose connections are dialled, over pipes.
struct http1_place {
  transport::opener dial() {
    return [this](std::error_code&) -> awaitable<std::shared_ptr<connection>> {
      auto [near, far] = make_pipe(io.get_executor(), 1 << 16);
      ++dials;
      servers.push_back(shared(std::move(far)));
      asio::co_spawn(io, serve(servers.back(), io), [](std::exception_ptr) {});
      co_return shared(std::move(near));
    };
  }
  static awaitable<> serve(std::shared_ptr<connection> below, asio::io_context& io) {
    std::error_code ec;
    auto take = [&io](http_request, std::shared_ptr<http1_exchange> e) {
      asio::co_spawn(io, read_request(std::move(e)), [](std::exception_ptr) {});
    };
    const auto s = std::make_shared<http1_server>(std::move(below), http_head_limits(), std::move(take));
    std::vector<std::byte> early;
    co_await s->run(ec, std::move(early));
  }
  std::shared_ptr<http1_pool> pool_of(const reuse_limits& l, duration idle = http1_pool::usual_idle) {
    return std::make_shared<http1_pool>(io.get_executor(), l, idle);
  }
  std::shared_ptr<http_requests> client(const std::shared_ptr<http1_pool>& pool) {
    return make_http1_requests(pool, dial());
  }
  /// "ok", or the error.
  std::string post(const std::shared_ptr<http_requests>& by) { return test::run(io, send(by)); }

  static awaitable<std::string> send(std::shared_ptr<http_requests> by) {
    http_request r;
    r.method = "POST";
    r.path = "/";
    r.fields = {{"Host", "a"}};
    r.body = {http_framing::kind::length, 3};
    std::error_code ec;
    const auto c = co_await by->send(std::move(r), ec);
    if (ec) co_return ec.message();
    co_await c->write(asio::buffer("abc", 3), ec);
    co_await c->finish();
    std::array<char, 100> room;
    while (!ec) co_await c->read_some(asio::buffer(room), ec);
    const bool whole = ec == asio::error::eof;
    if (whole)
      c->close();
    else
      c->cut();
    co_return whole ? "ok" : ec.message();
  }

  asio::io_context io;
  int dials = 0;
  std::vector<std::shared_ptr<connection>> servers;
};

reuse_limits limits_of(number_range reuse_limits::*which, std::uint32_t n) {
  reuse_limits l;
  l.*which = {n, n};
  return l;
}

}  // namespace

TEST_CASE("http1 pool: proxied connections share those that are idle", "[proxy][http1]") {
  http1_place x;
  const auto pool = x.pool_of({});
  for (int i = 0; i < 3; ++i) {
    const auto by = x.client(pool);
    CHECK(x.post(by) == "ok");
    CHECK(x.post(by) == "ok");
  }
  CHECK(x.dials == 1);
}

TEST_CASE("http1 pool: so many groups are made before one is used again", "[proxy][http1]") {
  http1_place x;
  const auto pool = x.pool_of(limits_of(&reuse_limits::connections, 3));
  for (int i = 0; i < 9; ++i) CHECK(x.post(x.client(pool)) == "ok");
  CHECK(x.dials == 3);
}

TEST_CASE("http1 pool: a group is used by so many at a time", "[proxy][http1]") {
  http1_place x;
  const auto pool = x.pool_of(limits_of(&reuse_limits::concurrency, 1));
  auto one = x.client(pool);
  const auto other = x.client(pool);
  CHECK(x.post(one) == "ok");
  CHECK(x.post(other) == "ok");
  CHECK(x.dials == 2);
  one.reset();
  CHECK(x.post(x.client(pool)) == "ok");
  CHECK(x.dials == 2);
}

TEST_CASE("http1 pool: a group is used by so many in its life, the last of which goes on", "[proxy][http1]") {
  http1_place x;
  const auto pool = x.pool_of(limits_of(&reuse_limits::uses, 2));
  for (int i = 0; i < 4; ++i) {
    const auto by = x.client(pool);
    for (int n = 0; n < 3; ++n) CHECK(x.post(by) == "ok");
  }
  CHECK(x.dials == 2);
}

TEST_CASE("http1 pool: a group takes so many requests, and then another one does", "[proxy][http1]") {
  http1_place x;
  const auto by = x.client(x.pool_of(limits_of(&reuse_limits::requests, 3)));
  for (int n = 0; n < 7; ++n) CHECK(x.post(by) == "ok");
  CHECK(x.dials == 3);
}

TEST_CASE("http1 pool: connections that the server has closed are not used again", "[proxy][http1]") {
  http1_place x;
  const auto pool = x.pool_of({});
  const auto by = x.client(pool);
  std::vector<std::string> found(3);
  for (std::string& text : found)
    asio::co_spawn(x.io, http1_place::send(by),
                   [&text](std::exception_ptr, std::string outcome) { text = outcome; });
  test::run_until(x.io, [&] { return found == std::vector<std::string>(3, "ok"); });
  CHECK(x.dials == 3);
  for (const auto& s : x.servers) s->cut();
  // The first request finds one that was cut, if its write does not, and all others go with it.
  const std::string first = x.post(by);
  CHECK(x.post(by) == "ok");
  CHECK(x.post(by) == "ok");
  CHECK(x.dials == 4);
  INFO(first);
}

TEST_CASE("http1 pool: what is idle for long is closed, and its pool goes", "[proxy][http1]") {
  http1_place x;
  std::weak_ptr<http1_pool> pool;
  {
    const auto p = x.pool_of({}, 20ms);
    pool = p;
    CHECK(x.post(x.client(p)) == "ok");
  }
  CHECK_FALSE(pool.expired());
  test::run_until(x.io, [&] { return pool.expired(); });
  CHECK(x.dials == 1);
}

TEST_CASE("http1 pool: a context that goes first takes what is idle along", "[proxy][http1]") {
  auto x = std::make_unique<http1_place>();
  std::weak_ptr<http1_pool> pool;
  {
    const auto p = x->pool_of({});
    pool = p;
    CHECK(x->post(x->client(p)) == "ok");
  }
  x.reset();
  CHECK(pool.expired());
}

}  // namespace http1_pool_test
