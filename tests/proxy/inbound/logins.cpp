// Wrong passwords, through inbounds that ask for them.
#include "configured.hpp"
#include "kept_lines.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace configured_test;
using namespace std::chrono_literals;

constexpr auto clock_now = std::chrono::steady_clock::now;

struct proxy_with_users {
  proxy_with_users() {
    geo_files none;
    const std::string settings = R"("settings": {"accounts": [{"user": "alice", "pass": "wonder"}]})";
    proxy = std::make_unique<configured_proxy>(
        config_of(R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0, )" + settings +
                  R"(}, {"protocol": "http", "listen": "127.0.0.1", "port": 0, )" + settings +
                  R"(}], "outbounds": [{"protocol": "freedom"}]})"),
        none, 1, lines.sink());
    proxy->start();
  }
  ~proxy_with_users() { finish(proxy); }
  tcp::endpoint at(std::size_t inbound) const {
    return {make_address("127.0.0.1"), port_of(proxy->listening()[inbound])};
  }
  std::string log_in(const std::string& secret) {
    return test::run(b.io,
                     say(tcp::socket(b.io), at(0), as_user("alice", secret) + to_port(b.port()) + "hi"));
  }
  std::string get(const std::string& fields) {
    return test::run(b.io, say(tcp::socket(b.io), at(1),
                               fmt::format("CONNECT 127.0.0.1:{} HTTP/1.1\r\n{}\r\n", b.port(), fields)));
  }
  std::size_t failures(const std::string& inbound) const {
    std::size_t n = 0;
    for (const std::string& line : lines.all())
      if (line.find("authentication failed from 127.0.0.1 port ") != line.npos &&
          line.find("(" + inbound + ")") != line.npos)
        ++n;
    return n;
  }

  bench b;
  test::kept_lines lines;
  std::unique_ptr<configured_proxy> proxy;
};

TEST_CASE("logins: a wrong password is logged with its source", "[proxy][logins]") {
  proxy_with_users p;
  CHECK(p.log_in("wrong") == "\5\2\1\1"s);
  CHECK(p.failures("socks") == 1);
  CHECK(p.log_in("wonder").ends_with("hi"));
  CHECK(p.failures("socks") == 1);
  CHECK(p.get("").starts_with("HTTP/1.1 407"));
  CHECK(p.failures("http") == 0);
  CHECK(p.get("Proxy-Authorization: Basic YWxpY2U6d3Jvbmc=\r\n").starts_with("HTTP/1.1 407"));
  CHECK(p.failures("http") == 1);
}

TEST_CASE("logins: a source is slowed after ten wrong passwords", "[proxy][logins]") {
  proxy_with_users p;
  const auto begun = clock_now();
  for (int i = 0; i < 10; ++i) CHECK(p.log_in("wrong") == "\5\2\1\1"s);
  CHECK(p.log_in("wonder").ends_with("hi"));
  const auto slowed = clock_now();
  CHECK(slowed - begun >= 900ms);
}

}  // namespace
