// The keys of gRPC's settings: what each one does, as a server sees it.
#include "http2_meeting.hpp"

#include "proxy/config/config.hpp"
#include "proxy/transport/grpc_settings.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace http2_test;

grpc_options read_keys(const std::string& keys, config_mistakes& mistakes, role side,
                       const std::string& server) {
  grpc_options out;
  const auto root = parse_json("{" + keys + "}", mistakes);
  REQUIRE(root);
  settings::read(*root, "grpcSettings", mistakes,
                 [&](settings& s) { out = read_grpc_options(s, side, server); });
  return out;
}
grpc_options read_keys(const std::string& keys, role side = role::client,
                       const std::string& server = "server.example") {
  config_mistakes mistakes;
  const grpc_options out = read_keys(keys, mistakes, side, server);
  CHECK(mistakes.empty());
  return out;
}
std::string mistake_of(const std::string& keys) {
  config_mistakes mistakes;
  read_keys(keys, mistakes, role::client, "server.example");
  return mistakes.empty() ? "" : mistakes.all()[0].sentence;
}

/// The other end of a client's connection. It reads frames, and answers SETTINGS, and PINGs if `answers` is
/// set.
struct raw_server {
  explicit raw_server(grpc_options o)
      : wire(make_pipe(io.get_executor(), 1 << 20)),
        transport(std::make_shared<const grpc_transport>(std::move(o))) {
    asio::co_spawn(io, hear(), [](std::exception_ptr) {});
  }
  void run(std::function<awaitable<>(raw_server&)> work) { test::run(io, work(*this)); }
  awaitable<std::shared_ptr<connection>> dial() {
    auto near = std::make_shared<pipe_end>(std::move(wire.first));
    std::error_code ec;
    auto c = co_await transport->dial(
        [near](std::error_code&) -> awaitable<std::shared_ptr<connection>> {
          co_return shared(std::move(*near));
        },
        ec);
    REQUIRE_FALSE(ec);
    co_return c;
  }
  awaitable<> hear() {
    co_await say(frame(4, 0, ""));
    std::array<char, 4096> room;
    while (!ended) {
      const auto [error, n] = co_await wire.second.async_read_some(asio::buffer(room), as_result);
      heard.append(room.data(), n);
      ended = static_cast<bool>(error);
      while (const std::size_t size = size_of_next()) co_await take(size);
    }
  }
  /// 0: it has not come.
  std::size_t size_of_next() {
    if (!greeted && heard.size() >= 24) heard.erase(0, 24), greeted = true;
    if (!greeted || heard.size() < 9) return 0;
    const auto number = [this](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(heard[i]));
    };
    const std::size_t size = 9 + (number(0) << 16U | number(1) << 8U | number(2));
    return heard.size() < size ? 0 : size;
  }
  awaitable<> take(std::size_t size) {
    const std::string one = heard.substr(0, size);
    heard.erase(0, size);
    const int type = one[3];
    const bool is_answer = (one[4] & 1) != 0;
    if (type == 4 && !is_answer) first_settings += one.substr(9);
    if (type == 6 && !is_answer) ++pings;
    if (type == 4 && !is_answer) co_await say(frame(4, 1, ""));
    if (type == 6 && !is_answer && answers) co_await say(frame(6, 1, one.substr(9)));
  }
  awaitable<> say(std::string what) {
    co_await asio::async_write(wire.second, asio::buffer(what), as_result);
  }
  static std::string frame(char type, char flags, const std::string& payload) {
    return std::string("\0\0", 2) + static_cast<char>(payload.size()) + type + flags + std::string(4, '\0') +
           payload;
  }
  /// Of an identifier; -1 if the client has not set it.
  std::int64_t setting(int id) const {
    std::int64_t out = -1;
    for (std::size_t at = 0; at + 6 <= first_settings.size(); at += 6)
      if (first_settings[at + 1] == id) {
        out = 0;
        for (std::size_t i = 2; i < 6; ++i)
          out = out << 8 | static_cast<unsigned char>(first_settings[at + i]);
      }
    return out;
  }

  asio::io_context io;
  std::pair<pipe_end, pipe_end> wire;
  std::shared_ptr<const grpc_transport> transport;
  std::string heard, first_settings;
  bool greeted = false, ended = false, answers = true;
  int pings = 0;
};

constexpr int initial_window_size = 4;  // RFC 9113 section 6.5.2

std::int64_t window_for(const std::string& keys) {
  raw_server s(read_keys(keys));
  s.run([](raw_server& x) -> awaitable<> {
    const auto c = co_await x.dial();
    co_await wait_for([&] { return !x.first_settings.empty(); });
  });
  return s.setting(initial_window_size);
}

/// The head of a call, as the server has it.
http2_head head_for(const grpc_options& o) {
  asio::io_context io;
  auto [near, far] = make_pipe(io.get_executor(), 1 << 18);
  std::optional<http2_head> head;
  const running server(
      io, std::make_shared<http2_connection>(shared(std::move(far)), role::server, http2_options(),
                                             [&](http2_connection& c, http2_request r) {
                                               head = r.head;
                                               c.refuse(r, {{":status", "415"}});
                                             }));
  const grpc_transport client(o);
  std::error_code ec;
  const auto c = test::run(io, client.open(shared(std::move(near)), ec));
  test::run(io, wait_for([&] { return head.has_value(); }));
  return head.value_or(http2_head());
}
std::string field_for(const std::string& name, const std::string& keys) {
  return std::string(head_for(read_keys(keys))[name]);
}

/// Times of a test instead of those of a configuration, which are seconds.
grpc_options with_pings(const std::string& keys, duration after, duration answer) {
  grpc_options o = read_keys(keys);
  o.http2.ping_after = after;
  o.http2.ping_answer = answer;
  return o;
}

}  // namespace

TEST_CASE("grpc keys: authority is the name in requests, by default the server's", "[proxy][grpc]") {
  CHECK(field_for(":authority", R"("authority": "front.example")") == "front.example");
  CHECK(field_for(":authority", "") == "server.example");
  CHECK(field_for(":authority", R"("authority": "")") == "server.example");
  const auto by_default = [](const std::string& server) {
    return std::string(head_for(read_keys("", role::client, server))[":authority"]);
  };
  CHECK(by_default("") == "localhost");
  CHECK(by_default("192.0.2.1") == "192.0.2.1");
  CHECK(by_default("2001:db8::1") == "[2001:db8::1]");
}

TEST_CASE("grpc keys: user_agent is a browser's by its name, or any text", "[proxy][grpc]") {
  const auto agent = [](const std::string& name) {
    return field_for("user-agent", R"("user_agent": ")" + name + "\"");
  };
  const std::string chrome = field_for("user-agent", "");
  CHECK(chrome.find(" Chrome/") != std::string::npos);
  CHECK(agent("chrome") == chrome);
  CHECK(agent("edge").starts_with(chrome + " Edg/"));
  CHECK(agent("Firefox").find(" Firefox/") != std::string::npos);
  CHECK(agent("golang").starts_with("grpc-go/"));
  CHECK(agent("my agent/1.0") == "my agent/1.0");
}

TEST_CASE("grpc keys: initial_windows_size is in the settings of the client's connection", "[proxy][grpc]") {
  CHECK(window_for("") == 1 << 20);
  CHECK(window_for(R"("initial_windows_size": 65535)") == 65535);
  CHECK(window_for(R"("initial_windows_size": 3000000)") == 3'000'000);
  CHECK(window_for(R"("initial_windows_size": 65534)") == 1 << 20);
  CHECK(read_keys(R"("initial_windows_size": 100000)", role::server).http2.stream_window == 100'000);
}

TEST_CASE("grpc keys: idle_timeout and health_check_timeout in seconds", "[proxy][grpc]") {
  const auto after = [](const std::string& keys) { return read_keys(keys).http2.ping_after; };
  const auto answer = [](const std::string& keys) { return read_keys(keys).http2.ping_answer; };
  CHECK(after("") == 0s);
  CHECK(after(R"("idle_timeout": 0)") == 0s);
  CHECK(after(R"("idle_timeout": 3)") == 10s);
  CHECK(after(R"("idle_timeout": 60)") == 60s);
  CHECK(answer("") == 20s);
  CHECK(answer(R"("health_check_timeout": 0)") == 20s);
  CHECK(answer(R"("health_check_timeout": 7)") == 7s);
  CHECK_FALSE(read_keys("").http2.ping_without_streams);
  CHECK(read_keys(R"("permit_without_stream": true)").http2.ping_without_streams);
}

TEST_CASE("grpc keys: a silent server gets a PING after each idle_timeout", "[proxy][grpc]") {
  raw_server(with_pings("", 10ms, 10s)).run([](raw_server& x) -> awaitable<> {
    const auto c = co_await x.dial();
    co_await wait_for([&] { return x.pings >= 5; });
    CHECK_FALSE(x.ended);
  });
  raw_server(read_keys("")).run([](raw_server& x) -> awaitable<> {
    const auto c = co_await x.dial();
    co_await pause(100ms);
    CHECK(x.pings == 0);
  });
}

TEST_CASE("grpc keys: a server that answers no PING within health_check_timeout is left", "[proxy][grpc]") {
  raw_server x(with_pings("", 10ms, 50ms));
  x.answers = false;
  x.run([](raw_server& s) -> awaitable<> {
    const auto c = co_await s.dial();
    std::error_code ec;
    std::array<char, 10> room;
    co_await c->read_some(asio::buffer(room), ec);
    CHECK(ec == asio::error::connection_reset);
    co_await wait_for([&] { return s.ended; });
    CHECK(s.pings == 1);
  });
}

TEST_CASE("grpc keys: without a stream there are PINGs with permit_without_stream alone", "[proxy][grpc]") {
  for (const bool permitted : {false, true}) {
    const std::string keys = permitted ? R"("permit_without_stream": true)" : "";
    raw_server(with_pings(keys, 10ms, 10s)).run([&](raw_server& x) -> awaitable<> {
      {
        const auto c = co_await x.dial();
        co_await wait_for([&] { return x.pings >= 1; });
        c->cut();
      }
      co_await pause(30ms);
      const int before = x.pings;
      if (permitted) co_await wait_for([&] { return x.pings >= before + 3; });
      co_await pause(100ms);
      if (!permitted) CHECK(x.pings == before);
      CHECK_FALSE(x.ended);
    });
  }
}

TEST_CASE("grpc keys: a value that no field of a request may have", "[proxy][grpc]") {
  CHECK(mistake_of(R"("authority": "a.example:443", "user_agent": "any agent/1.0")") == "");
  CHECK(mistake_of(R"("authority": "a b")") == "is not a host name");
  CHECK(mistake_of(R"("authority": "a\r\nb")") == "is not a host name");
  CHECK(mistake_of(R"("user_agent": "a\r\nb: c")") == "is not a text of one line");
}
