// The proxy of server_config(): what it listens on, dials and logs.
#include "configured.hpp"
#include "kept_lines.hpp"

#include "proxy/config/config.hpp"
#include "proxy/engine/server_config.hpp"

#include <muxpro/session.hpp>

#include <asio/local/stream_protocol.hpp>

#include <sys/stat.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace configured_server {

using namespace configured_test;
using namespace std::chrono_literals;

config server(bool allow_private = true, const mux_inbound_options& inbound = {}) {
  server_options o;
  o.inbound = inbound;
  o.direct.allow_private = allow_private;
  config c = server_config(o);
  c.log.level = log_level::info;
  c.inbounds.front().at = tcp::endpoint(make_address("127.0.0.1"), 0);
  return c;
}

struct running {
  explicit running(const config& c)
      : proxy(c, none, 1, lines.sink()), at(to_tcp(proxy.listening().front().at)) {
    proxy.start();
  }
  ~running() { finish(proxy); }

  test::kept_lines lines;
  geo_files none;
  configured_proxy proxy;
  tcp::endpoint at;
};

/// How an echo comes back from each target, or the end of its sub-stream. All go over one main connection.
asio::awaitable<std::vector<std::string>> asked(tcp::endpoint at, std::vector<destination> targets) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(at, asio::use_awaitable);
  session main(std::move(socket), role::client);
  main.async_run([](std::error_code) {});
  std::vector<std::string> out;
  for (destination& to : targets) {
    open_request request(std::move(to));
    sub_stream stream = co_await main.async_open(std::move(request));
    std::string word = "hello";
    co_await asio::async_write(stream, asio::buffer(word), as_result);
    const auto [error, n] = co_await asio::async_read(stream, asio::buffer(word), as_result);
    out.push_back(error ? error.message() : word);
    co_await stream.async_shutdown(as_result);
    char none = 0;
    co_await stream.async_read_some(asio::buffer(&none, 1), as_result);
  }
  co_return out;
}

std::string rejected() { return make_error_code(end_code::rejected).message(); }
unsigned mode_of(const std::string& path) {
  struct stat about {};
  ::stat(path.c_str(), &about);
  return about.st_mode & 0777u;
}

}  // namespace configured_server

using namespace configured_server;

TEST_CASE("configured server: each sub-stream has a brief line, each main connection another",
          "[proxy][server]") {
  bench b;
  const std::string target = "tcp:127.0.0.1:" + std::to_string(b.port());
  test::kept_lines lines;
  {
    geo_files none;
    configured_proxy p(server(), none, 1, lines.sink());
    p.start();
    const tcp::endpoint at = to_tcp(p.listening().front().at);
    const auto heard =
        test::run(b.io, asked(at, {{network::tcp, "127.0.0.1", b.port()}, {network::tcp, "127.0.0.1", 1}}));
    CHECK(heard == std::vector<std::string>{"hello", make_error_code(end_code::unreachable).message()});
    finish(p);
  }
  CHECK(lines.has("sub-stream 1 of main connection 1 of 127.0.0.1 to " + target + ": 5 bytes up, 5 down, "));
  CHECK(lines.has("sub-stream 2 of main connection 1 of 127.0.0.1 to tcp:127.0.0.1:1: 0 bytes up, 0 down, "));
  CHECK(lines.has("main connection 1 of 127.0.0.1: "));
  CHECK(lines.has("; 2 sub-streams, "));
  CHECK_FALSE(lines.has(" via "));
}

TEST_CASE("configured server: blocked names, its own listeners and private addresses are rejected",
          "[proxy][server]") {
  bench b;
  config c = server();
  c.blocked_names = {"blocked.example"};
  c.hosts["www.blocked.example"] = c.hosts["free.example"] = {make_address("127.0.0.1")};
  {
    const running s(c);
    const auto heard = test::run(b.io, asked(s.at, {{network::tcp, "www.blocked.example", b.port()},
                                                    {network::tcp, "free.example", b.port()},
                                                    {network::tcp, "127.0.0.1", s.at.port()}}));
    CHECK(heard == std::vector<std::string>{rejected(), "hello", rejected()});
  }
  const running s(server(false));
  CHECK(test::run(b.io, asked(s.at, {{network::tcp, "127.0.0.1", b.port()}})) ==
        std::vector<std::string>{rejected()});
}

TEST_CASE("configured server: its places share one inbound, and each has its own mode", "[proxy][server]") {
  bench b;
  config c = server();
  const std::string first = b.at / "first", second = b.at / "second";
  c.inbounds.front().at = unix_endpoint(first);
  c.inbounds.front().stream.socket.file_mode = 0600;
  auto& more = c.inbounds.front().more;
  more.emplace_back(unix_endpoint(second), 0660);
  for (int i = 0; i < 2; ++i) more.emplace_back(tcp::endpoint(make_address("127.0.0.1"), 0));
  test::kept_lines lines;
  geo_files none;
  configured_proxy p(c, none, 1, lines.sink());
  CHECK(mode_of(first) == 0600);
  CHECK(mode_of(second) == 0660);
  REQUIRE(p.listening().size() == 4);
  p.start();
  for (const std::size_t i : {2u, 3u})
    CHECK(test::run(b.io, asked(to_tcp(p.listening()[i].at), {{network::tcp, "127.0.0.1", b.port()}}))
              .front() == "hello");
  finish(p);
  CHECK(lines.has("sub-stream 1 of main connection 1 of "));
  CHECK(lines.has("sub-stream 1 of main connection 2 of "));
}

TEST_CASE("configured server: so many dials of a main connection in a second", "[proxy][server]") {
  bench b;
  mux_inbound_options o;
  o.new_rate = 20;
  const running s(server(true, o));
  const destination target(network::tcp, "127.0.0.1", b.port());
  const auto begun = std::chrono::steady_clock::now();
  CHECK(test::run(b.io, asked(s.at, {target, target, target})).back() == "hello");
  CHECK(std::chrono::steady_clock::now() - begun >= 100ms);
}
