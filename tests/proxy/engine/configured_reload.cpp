// A configuration that takes another one's place while connections are open.
#include "configured.hpp"

namespace {

using namespace configured_test;

/// The echo ends with it: a proxy that drains would wait for one that does not.
asio::awaitable<void> hang_up(tcp::socket& s) {
  std::error_code cut_already;
  s.shutdown(tcp::socket::shutdown_send, cut_already);
  std::string rest;
  co_await asio::async_read(s, asio::dynamic_buffer(rest), as_result);
}

/// What a user gets from a target: an echo, or how far the connection came.
asio::awaitable<std::string> ask_as(tcp::socket s, std::uint16_t proxy_port, std::string log_in,
                                    std::uint16_t port) {
  co_await s.async_connect({make_address("127.0.0.1"), proxy_port}, asio::use_awaitable);
  const std::string all = log_in + to_port(port) + "hello";
  co_await asio::async_write(s, asio::buffer(all), asio::use_awaitable);
  std::string answer(4 + 10 + 5, ' ');
  const auto [cut, got] = co_await asio::async_read(s, asio::buffer(answer), as_result);
  answer.resize(got);
  if (got < 4 || answer[3] != 0) co_return "no entrance";
  if (got >= 6 && answer[5] != 0) co_return "refused " + std::to_string(answer[5]);
  co_await hang_up(s);
  co_return cut ? "cut" : answer.substr(14);
}

/// A connection that stays.
struct guest {
  guest(bench& b, std::uint16_t proxy_port, const std::string& log_in) : s(b.io) {
    s.connect({make_address("127.0.0.1"), proxy_port});
    asio::write(s, asio::buffer(log_in + to_port(b.port())));
    std::string answer(4 + 10, ' ');
    test::run(b.io, hear(*this, answer));
    REQUIRE(answer.substr(0, 6) == "\x05\x02\x01\x00\x05\x00"s);
  }
  std::string say(bench& b, const std::string& what) {
    asio::write(s, asio::buffer(what));
    std::string heard(what.size(), ' ');
    test::run(b.io, hear(*this, heard));
    return heard;
  }
  static asio::awaitable<void> hear(guest& g, std::string& into) {
    co_await asio::async_read(g.s, asio::buffer(into), as_result);
  }
  tcp::socket s;
};

std::string users(const std::string& name) { return R"([{"user": ")" + name + R"(", "pass": "secret"}])"; }
std::string text(const std::string& accounts, const std::string& rules, const std::string& more = "") {
  return R"({"inbounds": [{"tag": "in", "protocol": "mixed", "listen": "127.0.0.1", "port": 0,
                           "settings": {"accounts": )" +
         accounts + R"(}}], "outbounds": [{"tag": "direct", "protocol": "freedom"},
                                           {"tag": "no", "protocol": "blackhole"}],
                      "routing": {"rules": [)" +
         rules + "]}" + more + "}";
}
std::string refuse(std::uint16_t port) { return fmt::format(R"({{"port": {}, "outboundTag": "no"}})", port); }

struct reloaded : bench {
  explicit reloaded(const std::string& first) : proxy(made(first)), at(port_of(proxy->listening()[0])) {
    proxy->start();
  }
  ~reloaded() { finish(proxy); }
  std::vector<std::string> reload(const std::string& other) {
    geo_files none;
    return proxy->reload(config_of(other), none);
  }
  std::string ask(const std::string& user, std::uint16_t to) {
    return test::run(io, ask_as(tcp::socket(io), at, as_user(user, "secret"), to));
  }

  std::unique_ptr<configured_proxy> proxy;
  const std::uint16_t at;
};

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("reload: rules and users change, and what is open stays open", "[proxy][reload]") {
  reloaded b(text(users("alice"), ""));
  CHECK(b.ask("alice", b.port()) == "hello");
  CHECK(b.ask("bob", b.port()) == "no entrance");
  guest alice(b, b.at, as_user("alice", "secret"));
  CHECK(alice.say(b, "before") == "before");
  CHECK(b.reload(text(users("bob"), refuse(b.port()))) == list());
  CHECK(alice.say(b, "after") == "after");
  test::run(b.io, hang_up(alice.s));
  CHECK(b.ask("alice", b.port()) == "no entrance");
  CHECK(b.ask("bob", b.port()) == "refused 2");
  CHECK(b.reload(text(users("bob"), "")) == list());
  CHECK(b.ask("bob", b.port()) == "hello");
}

TEST_CASE("reload: balancers change", "[proxy][reload]") {
  const auto with = [](const std::string& selector) {
    return R"({"inbounds": [{"protocol": "socks", "listen": "127.0.0.1", "port": 0}],
               "outbounds": [{"tag": "direct", "protocol": "freedom"}, {"tag": "no", "protocol": "blackhole"}],
               "routing": {"rules": [{"network": "tcp", "balancerTag": "any"}],
                           "balancers": [{"tag": "any", "selector": [")" +
           selector + R"("]}]}})";
  };
  reloaded b(with("no"));
  CHECK(b.by_tcp(b.at, b.port()) == "refused 2");
  CHECK(b.reload(with("direct")) == list());
  CHECK(b.by_tcp(b.at, b.port()) == "hello");
}

TEST_CASE("reload: what needs a restart is named, and stays as it is", "[proxy][reload]") {
  reloaded b(text(users("alice"), ""));
  CHECK(b.reload(text(users("alice"), "", R"(, "log": {"loglevel": "none"}, "stats": {})")) ==
        list{"log", "stats"});
  std::string other = text(users("bob"), "");
  const auto replace = [&](const std::string& what, const std::string& by) {
    other.replace(other.find(what), what.size(), by);
  };
  replace("\"port\": 0", "\"port\": 1");
  replace("\"freedom\"", "\"blackhole\"");
  CHECK(b.reload(other) == list{"inbounds[0].port", "outbounds[0].protocol"});
  // Whose port it would be is not here.
  CHECK(b.ask("alice", b.port()) == "hello");
}

TEST_CASE("reload: rules that name outbounds from after a restart wait for it", "[proxy][reload]") {
  reloaded b(text(users("alice"), refuse(1)));
  std::string other = text(users("alice"), R"({"network": "tcp", "outboundTag": "new"})");
  const std::string before = R"({"tag": "no",)";
  other.replace(other.find(before), before.size(),
                R"({"tag": "new", "protocol": "blackhole"}, {"tag": "no",)");
  CHECK(b.reload(other) ==
        list{"outbounds", "routing (rules[0].outbound_tag is 'new', it must be one of direct, no)"});
  CHECK(b.ask("alice", b.port()) == "hello");
  CHECK(b.ask("alice", 1) == "refused 2");
}
