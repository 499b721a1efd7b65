// A transport that a user adds: one class, one registration, and configuration files can name it.
#include "catch.hpp"
#include "server_engine.hpp"
#include "support.hpp"

#include "proxy/config/config.hpp"

#include <muxpro/proxy/configured_proxy.hpp>
#include <muxpro/proxy/transport.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::string_literals;
using asio::ip::make_address;
using asio::ip::tcp;
using test::as_result;

/// A password from the client, before all other bytes.
class password final : public transport {
 public:
  password(role side, std::string word) : side_(side), word_(std::move(word)) {}

  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> c,
                                                    std::error_code& ec) const override {
    const deadline limit(c, std::chrono::seconds(5));
    if (side_ == role::client) {
      co_await c->write(asio::buffer(word_), ec);
      co_return c;
    }
    std::string heard(word_.size(), ' ');
    for (std::size_t n = 0; n < heard.size() && !ec;) {
      const std::size_t more = co_await c->read_some(asio::buffer(heard) + n, ec);
      n += more;
    }
    if (!ec && heard != word_) ec = asio::error::access_denied;
    co_return c;
  }

 private:
  const role side_;
  const std::string word_;
};

const bool known =
    registry::global().carriers.add("password", "", [](settings& s, role side, const std::string&) {
      std::string word = "please";
      s.secret("word", word);
      return transport_factory([=] { return std::make_shared<const password>(side, word); });
    });

asio::awaitable<std::string> reply_of(tcp::endpoint socks, std::uint16_t port) {
  tcp::socket s(co_await asio::this_coro::executor);
  co_await s.async_connect(socks, asio::use_awaitable);
  const std::string request = "\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01"s + static_cast<char>(port >> 8) +
                              static_cast<char>(port & 255);
  co_await asio::async_write(s, asio::buffer(request), asio::use_awaitable);
  std::string answer(12, ' ');
  const auto [cut, n] = co_await asio::async_read(s, asio::buffer(answer), as_result);
  if (cut) co_return "cut";
  if (answer[3] != 0) co_return "refused";
  char first = 0;
  const auto [error, got] = co_await asio::async_read(s, asio::buffer(&first, 1), as_result);
  co_return error ? "cut" : "reached";
}

asio::awaitable<void> greet(tcp::acceptor& at) {
  for (;;) {
    auto [error, s] = co_await at.async_accept(as_result);
    if (error) co_return;
    co_await asio::async_write(s, asio::buffer("x", 1), as_result);
  }
}

}  // namespace

TEST_CASE("transports: a user's own, on both sides, from a configuration", "[proxy][transport]") {
  REQUIRE(known);
  asio::io_context io;
  tcp::acceptor target(io, {make_address("127.0.0.1"), 0});
  asio::co_spawn(io, greet(target), asio::detached);
  test::server_engine server;
  const auto at = server.listen(tcp::endpoint(make_address("127.0.0.1"), 0),
                                transport_options(std::make_shared<const password>(role::server, "please")));
  server.start();
  const auto outcome = [&](const std::string& own) {
    config_mistakes mistakes;
    geo_files none;
    const auto root =
        parse_json(fmt::format(R"({{"inbounds": [{{"protocol": "socks", "listen": "127.0.0.1", "port": 0}}],
                         "outbounds": [{{"protocol": "mux.pro", "settings": {{"address": "127.0.0.1", "port": {}}},
                                         "streamSettings": {{"network": "password"{}}}}}]}})",
                               at.port(), own),
                   mistakes);
    REQUIRE(root);
    const config c = read_config(*root, registry::global(), none, mistakes);
    for (const auto& m : mistakes.all()) return m.path + ": " + m.sentence;
    configured_proxy client(c, none, 1, [](log_level, std::string_view) {});
    client.start();
    const auto socks = to_tcp(client.listening()[0].at);
    std::string out = test::run(io, reply_of(socks, target.local_endpoint().port()));
    client.drain();
    client.wait();
    return out;
  };
  CHECK(outcome("") == "reached");
  CHECK(outcome(R"(, "passwordSettings": {"word": "PLEASE"})") != "reached");
  CHECK(outcome(R"(, "passwordSettings": {"wrd": "please"})") ==
        "outbounds[0].streamSettings.passwordSettings.wrd: there is no such key; did you mean 'word'?");
  server.drain();
  server.wait();
}
