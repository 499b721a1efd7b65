// Proxies from configurations, and targets on loopback that they reach.
#pragma once

#include "catch.hpp"
#include "certificates.hpp"
#include "support.hpp"

#include "proxy/config/config.hpp"

#include <muxpro/proxy/configured_proxy.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>

namespace configured_test {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::string_literals;
using asio::ip::make_address;
using asio::ip::tcp;
using test::as_result;

inline config config_of(const std::string& text) {
  config_mistakes mistakes;
  geo_files none;
  const auto root = parse_json(text, mistakes);
  REQUIRE(root);
  config c = read_config(*root, registry::global(), none, mistakes);
  for (const auto& m : mistakes.all()) FAIL(m.path << ": " << m.sentence);
  return c;
}

inline std::unique_ptr<configured_proxy> made(const std::string& text, log_sink access = {}) {
  geo_files none;
  return std::make_unique<configured_proxy>(
      config_of(text), none, 2, [](log_level, std::string_view) {}, std::move(access));
}

inline std::uint16_t port_of(const configured_proxy::listening_endpoint& in) { return to_tcp(in.at).port(); }

inline asio::awaitable<void> echo(tcp::socket s) {
  std::array<char, 100> room;
  for (;;) {
    const auto [error, n] = co_await s.async_read_some(asio::buffer(room), as_result);
    if (error) co_return;
    co_await asio::async_write(s, asio::buffer(room.data(), n), as_result);
  }
}

inline asio::awaitable<void> serve_echo(tcp::acceptor& at) {
  for (;;) {
    auto [error, s] = co_await at.async_accept(as_result);
    if (error) co_return;
    asio::co_spawn(at.get_executor(), echo(std::move(s)), asio::detached);
  }
}

/// What a SOCKS client gets from a target: an echo, or the code of the refusal.
template <class Socket>
asio::awaitable<std::string> ask(Socket s, typename Socket::endpoint_type at, std::uint16_t port,
                                 std::string say = "hello") {
  co_await s.async_connect(at, asio::use_awaitable);
  const std::string request = "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s + static_cast<char>(port >> 8) +
                              static_cast<char>(port & 255) + say;
  co_await asio::async_write(s, asio::buffer(request), asio::use_awaitable);
  std::string answer(12, ' ');
  const auto [cut, got] = co_await asio::async_read(s, asio::buffer(answer), as_result);
  if (cut) co_return "cut";
  if (answer[3] != 0) co_return "refused " + std::to_string(answer[3]);
  std::string word(say.size(), ' ');
  const auto [error, n] = co_await asio::async_read(s, asio::buffer(word), as_result);
  // The echo ends with it: a proxy that drains would wait for one that does not.
  std::error_code cut_already;
  s.shutdown(Socket::shutdown_send, cut_already);
  std::array<char, 1> none;
  const auto [ended, nothing] = co_await asio::async_read(s, asio::buffer(none), as_result);
  if (error) co_return error.message();
  co_return ended == asio::error::eof ? word : "no end";
}

/// The greeting and the log-in of a user.
inline std::string as_user(const std::string& name, const std::string& secret) {
  return "\x05\x01\x02\x01"s + static_cast<char>(name.size()) + name + static_cast<char>(secret.size()) +
         secret;
}
/// A request to connect to 127.0.0.1.
inline std::string to_port(std::uint16_t port) {
  return "\x05\x01\x00\x01\x7f\x00\x00\x01"s + static_cast<char>(port >> 8) + static_cast<char>(port & 255);
}

/// The reply of an echo that is right behind `at`.
inline asio::awaitable<std::string> say(tcp::socket s, tcp::endpoint at, std::string what) {
  co_await s.async_connect(at, asio::use_awaitable);
  co_await asio::async_write(s, asio::buffer(what), asio::use_awaitable);
  s.shutdown(tcp::socket::shutdown_send);
  std::string heard;
  co_await asio::async_read(s, asio::dynamic_buffer(heard), as_result);
  co_return heard;
}

struct bench {
  bench() { asio::co_spawn(io, serve_echo(target), asio::detached); }
  std::string by_tcp(std::uint16_t proxy_port, std::uint16_t port, std::string say = "hello") {
    const tcp::endpoint proxy_at(make_address("127.0.0.1"), proxy_port);
    return test::run(io, ask(tcp::socket(io), proxy_at, port, std::move(say)));
  }
  std::string by_unix(const std::string& path, std::uint16_t port) {
    using local = asio::local::stream_protocol;
    return test::run(io, ask(local::socket(io), local::endpoint(path), port));
  }
  std::uint16_t port() const { return target.local_endpoint().port(); }

  test::directory at;
  asio::io_context io;
  tcp::acceptor target{io, {make_address("127.0.0.1"), 0}};
};

inline void finish(configured_proxy& p) {
  p.drain();
  p.wait();
}
/// As a process ends, with the sockets that a drain leaves: other proxies might wait for them.
inline void finish(std::unique_ptr<configured_proxy>& p) {
  finish(*p);
  p.reset();
}

}  // namespace configured_test
