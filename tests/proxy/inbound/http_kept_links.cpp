// Connections to origins that carry more than one exchange, and which exchanges may share them.
#include "http_origins.hpp"

#include "proxy/engine/kept_links.hpp"

#include <string_view>

namespace {

using namespace http_origins;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string post = "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";

/// Clients of one thread's proxy.
struct house {
  explicit house(std::vector<origin::script> scripts, http_inbound_options o = {})
      : in(std::move(o)), target(std::make_shared<origin>(std::move(scripts))) {
    to.add("direct", target);
    to.observe_by([this](const context& ctx, const connection_result& how, duration) {
      ended.push_back(fmt::format("{} {} via {}: {}", ctx.content.attributes.at(":path"), how.down,
                                  ctx.outbound.tag, how.why ? how.why.message() : "done"));
    });
  }
  pipe_end connect(std::string source = "192.0.2.1", std::string tag = "in", std::string user = "") {
    auto [near, far] = make_pipe(io.get_executor());
    context ctx;
    ctx.id = context::new_id();
    ctx.inbound.tag = std::move(tag);
    ctx.inbound.user.name = std::move(user);
    ctx.inbound.source = asio::ip::make_address(source);
    asio::co_spawn(io, in.serve(make_connection(std::move(far)), ctx, to, {}), [](std::exception_ptr) {});
    return std::move(near);
  }
  asio::awaitable<std::string> ask(pipe_end& client, std::string request, std::size_t size = ok.size()) {
    co_await write(client, std::move(request));
    co_return co_await read(client, size);
  }
  asio::awaitable<void> pause() {
    for (int i = 0; i < 50; ++i) co_await asio::post(io, asio::use_awaitable);
  }
  void run(std::function<asio::awaitable<void>(house&)> work) { test::run(io, work(*this)); }
  std::size_t connections() const { return target->seen.size(); }

  asio::io_context io;
  http_inbound in;
  dispatcher to{io.get_executor()};
  std::shared_ptr<origin> target;
  std::vector<std::string> ended;
};

/// Answers all requests of its connection.
origin::script answers(std::string answer = ok) {
  return [answer](pipe_end& link) -> asio::awaitable<void> {
    for (;;) {
      const std::string head = co_await read_head(link);
      if (!head.ends_with("\r\n\r\n")) co_return;
      co_await write(link, answer);
    }
  };
}

/// Answers one request, then does `rest`.
origin::script answers_then(origin::script rest, std::string answer = ok) {
  return [rest, answer](pipe_end& link) -> asio::awaitable<void> {
    co_await read_head(link);
    co_await write(link, answer);
    co_await rest(link);
  };
}

asio::awaitable<void> ends(pipe_end& link) { co_await link.async_shutdown(as_result); }

/// Reads a second request and ends without an answer.
asio::awaitable<void> dies(pipe_end& link) {
  co_await read_head(link);
  link.close();
}

}  // namespace

TEST_CASE("http: requests of one client share a connection to their target", "[proxy][http]") {
  house h({answers()});
  h.run([](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    for (int i = 0; i < 3; ++i) {
      const std::string answer = co_await x.ask(client, get(std::to_string(i)));
      CHECK(answer == ok);
      co_await x.pause();
      CHECK(x.to.live() == 0);  // what waits is no live connection
    }
  });
  CHECK(h.connections() == 1);
  CHECK(h.ended == std::vector<std::string>{"/0 40 via direct: done", "/1 40 via direct: done",
                                            "/2 40 via direct: done"});
}

TEST_CASE("http: each request has its own line in the log, whatever becomes of it", "[proxy][http]") {
  house h({answers_then(dies)});
  h.run([](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    co_await x.ask(client, get("1"));
    co_await write(client, get("2"));
    const std::string refusal = co_await read_all(client);
    CHECK_THAT(refusal, StartsWith("HTTP/1.1 502 "));
  });
  REQUIRE(h.ended.size() == 2);
  CHECK(h.ended[0] == "/1 40 via direct: done");
  CHECK_THAT(h.ended[1], StartsWith("/2 0 via direct: ") && !EndsWith("done"));
}

TEST_CASE("http: the next client of the same source and user finds the connection of the last",
          "[proxy][http]") {
  house h({answers(), answers(), answers(), answers(), answers()});
  h.run([](house& x) -> asio::awaitable<void> {
    {
      pipe_end first = x.connect();
      co_await x.ask(first, get("1"));
    }
    co_await x.pause();
    pipe_end same = x.connect();
    co_await x.ask(same, get("2"));
    CHECK(x.connections() == 1);
    pipe_end other_source = x.connect("192.0.2.2");
    co_await x.ask(other_source, get("3"));
    CHECK(x.connections() == 2);
    pipe_end other_inbound = x.connect("192.0.2.1", "other");
    co_await x.ask(other_inbound, get("4"));
    CHECK(x.connections() == 3);
    pipe_end other_user = x.connect("192.0.2.1", "in", "alice");
    co_await x.ask(other_user, get("5"));
    CHECK(x.connections() == 4);
    co_await x.ask(same, "GET http://b/ HTTP/1.1\r\nHost: b\r\n\r\n");
    CHECK(x.connections() == 5);
  });
}

TEST_CASE("http: rules decide about each request, whatever connections there are", "[proxy][http]") {
  house h({answers()});
  const auto second = std::make_shared<origin>(std::vector<origin::script>{answers()});
  h.to.add("second", second);
  h.to.route_by([](const context& ctx) -> asio::awaitable<outbound_choice> {
    const std::string& path = ctx.content.attributes.at(":path");
    if (path == "/throws") throw std::system_error(make_error_code(end_code::rejected));
    co_return outbound_choice(path == "/second" ? "second" : path == "/nowhere" ? "nowhere" : "direct");
  });
  h.run([](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    for (const char* path : {"first", "second", "first", "second"}) co_await x.ask(client, get(path));
    for (const char* path : {"nowhere", "throws"}) {
      pipe_end other = x.connect();
      co_await write(other, get(path));
      const std::string refusal = co_await read_all(other);
      CHECK_THAT(refusal, StartsWith("HTTP/1.1 403 ") && EndsWith("|"));
    }
  });
  CHECK(h.connections() == 1);
  CHECK(second->seen.size() == 1);
  CHECK(h.ended.size() == 6);
}

TEST_CASE("http: a connection that its target has ended is not used", "[proxy][http]") {
  house h({answers_then(ends), answers_then(ends), answers()});
  h.run([](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    for (int i = 0; i < 3; ++i) {
      const std::string answer = co_await x.ask(client, get("x"));
      CHECK(answer == ok);
      co_await x.pause();
      CHECK(x.to.kept()->size() == (i == 2 ? 1 : 0));
    }
  });
  CHECK(h.connections() == 3);
}

TEST_CASE("http: a connection whose target sends without a request is not used", "[proxy][http][smuggling]") {
  const std::string evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
  const auto speaks = [evil](pipe_end& link) -> asio::awaitable<void> {
    for (int i = 0; i < 10; ++i) co_await asio::post(link.get_executor(), asio::use_awaitable);
    co_await write(link, evil);
    co_await read_all(link);
  };
  for (const bool at_once : {true, false}) {
    house h({at_once ? answers(ok + evil) : answers_then(speaks), answers()});
    h.run([](house& x) -> asio::awaitable<void> {
      pipe_end client = x.connect();
      co_await x.ask(client, get("1"));
      co_await x.pause();
      CHECK(x.to.kept()->size() == 0);
      const std::string answer = co_await x.ask(client, get("2"));
      CHECK(answer == ok);
    });
    CHECK(h.connections() == 2);
  }
}

TEST_CASE("http: a request that a dead connection has got is repeated once", "[proxy][http]") {
  house h({answers_then(dies), answers()});
  h.run([](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    co_await x.ask(client, get("1"));
    const std::string answer = co_await x.ask(client, get("2"));
    CHECK(answer == ok);
  });
  CHECK(h.connections() == 2);

  house twice({answers_then(dies), dies, answers()});
  twice.run([](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    co_await x.ask(client, get("1"));
    co_await write(client, get("2"));
    const std::string answer = co_await read_all(client);
    CHECK_THAT(answer, StartsWith("HTTP/1.1 502 "));
  });
  CHECK(twice.connections() == 2);
}

TEST_CASE("http: a request is not repeated once its answer has begun", "[proxy][http]") {
  const auto half = [](pipe_end& link) -> asio::awaitable<void> {
    co_await read_head(link);
    co_await write(link, "HTTP/1.1 200");
    for (int i = 0; i < 20; ++i) co_await asio::post(link.get_executor(), asio::use_awaitable);
  };
  house h({answers_then(half), answers()});
  h.run([](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    co_await x.ask(client, get("1"));
    co_await write(client, get("2"));
    const std::string answer = co_await read_all(client);
    CHECK_THAT(answer, StartsWith("HTTP/1.1 502 "));
  });
  CHECK(h.connections() == 1);
}

TEST_CASE("http: a request that must not be repeated has a connection of its own", "[proxy][http]") {
  house h({answers(), answers(), answers()});
  h.run([](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    co_await x.ask(client, get("1"));
    co_await x.ask(client, post);
    CHECK(x.connections() == 2);
    co_await x.ask(client, "PUT http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(x.connections() == 3);
    co_await x.ask(client, get("2"));  // and leaves it for others
    CHECK(x.connections() == 3);
  });
}

TEST_CASE("http: a connection with a login belongs to one client", "[proxy][http]") {
  const std::string challenge = "HTTP/1.1 401 x\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";
  const auto is_own = [](origin::script first, std::string request, std::size_t size) {
    house h({std::move(first), answers(), answers()});
    h.run([&](house& x) -> asio::awaitable<void> {
      pipe_end client = x.connect();
      co_await x.ask(client, request, size);
      {
        pipe_end other = x.connect();
        co_await x.ask(other, get("2"));
        CHECK(x.connections() == 2);
        co_await x.ask(client, post);
        CHECK(x.connections() == 2);
        co_await x.ask(client, get("3"));
        CHECK(x.connections() == 2);
      }
      client.close();
      co_await x.pause();
      CHECK(x.to.kept()->size() == 1);  // the other's
    });
  };
  is_own(answers_then(answers(), challenge), get("1"), challenge.size());
  is_own(answers(), get("1", "Authorization: NTLM TlRMTVNTUAAB\r\n"), ok.size());
  is_own(answers(), get("1", "Authorization: negotiate YII\r\n"), ok.size());
}

TEST_CASE("http: what may not be reused is not kept", "[proxy][http]") {
  for (const std::string& request :
       {get("1", "Connection: close\r\n"), "GET http://a/ HTTP/1.0\r\n\r\n"s,
        "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhe"s}) {
    house h({answers()});
    h.run([request](house& x) -> asio::awaitable<void> {
      pipe_end client = x.connect();
      const std::string answer = co_await x.ask(client, request, ok.size() + 19);
      CHECK_THAT(answer, ContainsSubstring("Connection: close") && EndsWith("ok"));
      co_await x.pause();
      CHECK(x.to.kept()->size() == 0);
    });
  }
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                             "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"}) {
    house h({answers(answer), answers()});
    h.run([](house& x) -> asio::awaitable<void> {
      pipe_end client = x.connect();
      co_await x.ask(client, get("1"));
      CHECK(x.to.kept()->size() == 0);
      const std::string second = co_await x.ask(client, get("2"));
      CHECK(second == ok);
    });
    CHECK(h.connections() == 2);
  }
}

TEST_CASE("kept links: limited in number, and the first that was kept goes first", "[proxy][http]") {
  asio::io_context io;
  kept_link_limits limits;
  limits.links = 3;
  limits.links_of_key = 2;
  const auto all = std::make_shared<kept_links>(io.get_executor(), limits);
  std::vector<std::unique_ptr<link_client>> far;
  for (const char* key : {"a", "a", "a", "b", "c"}) {
    auto [in, out] = make_link(io.get_executor(), 100);
    far.push_back(std::move(out));
    all->put(key, 1, kept_link(std::move(in)));
  }
  CHECK(all->size() == 3);
  const auto ends = [&]() -> asio::awaitable<void> {
    for (const std::size_t gone : {0U, 1U}) {
      std::error_code end;
      char none = 0;
      co_await far[gone]->read_some(asio::buffer(&none, 1), end);
      CHECK(end == asio::error::eof);
    }
  };
  test::run(io, ends());
  all->close();
}

TEST_CASE("kept links: limited in time, more so without their owner", "[proxy][http]") {
  asio::io_context io;
  kept_link_limits limits;
  limits.idle = 1h;
  limits.ownerless = 5ms;
  const auto all = std::make_shared<kept_links>(io.get_executor(), limits);
  auto [first, first_far] = make_link(io.get_executor(), 100);
  auto [second, second_far] = make_link(io.get_executor(), 100);
  all->put("a", 1, kept_link(std::move(first)));
  all->put("a", 2, kept_link(std::move(second)));
  all->leave(1);
  test::run_until(io, [&] { return all->size() == 1; });
  const auto check = [&]() -> asio::awaitable<void> {
    const auto of_second = co_await all->take("a", 1);
    CHECK(of_second.has_value());
    CHECK(all->size() == 0);
  };
  test::run(io, check());
  limits.idle = 5ms;
  all->limits(limits);
  auto [third, third_far] = make_link(io.get_executor(), 100);
  all->put("a", 3, kept_link(std::move(third)));
  test::run_until(io, [&] { return all->size() == 0; });
}

TEST_CASE("http: a drain ends connections that wait", "[proxy][http]") {
  std::string end;
  house h({[&end](pipe_end& link) -> asio::awaitable<void> {
    co_await read_head(link);
    co_await write(link, ok);
    end = co_await read_all(link);
  }});
  h.run([&end](house& x) -> asio::awaitable<void> {
    pipe_end client = x.connect();
    co_await x.ask(client, get("1"));
    x.to.drop_kept();
    co_await x.pause();
    CHECK(end == "|");
    CHECK(x.to.kept()->size() == 0);
  });
}
