// The resolver with servers of HTTPS: one connection for all queries, its loss, wrong answers, ends.
#include "name_servers.hpp"

namespace servers_of_https {

using namespace name_servers_test;

struct https : fixture {
  explicit https(bool tls = true) : front(server, tls) { server.add("a.net", {{one, six}}); }
  dns_server_options by_https(const std::string& scheme = "https") {
    return server_at(fmt::format("{}://127.0.0.1:{}/dns-query", scheme, front.port()));
  }

  test::doh_front front;
};

TEST_CASE("doh: all queries of a thread share a connection", "[proxy][resolver][doh]") {
  https f;
  dns_server_options s = f.by_https();
  s.family = name_family::both;
  f.use({s});
  f.open_door();
  CHECK(f.resolve("a.net").found.size() == 2);
  CHECK(f.front.requests() == 2);
  for (int i = 0; i < 20; ++i)
    CHECK(f.resolve(fmt::format("{}.net", i)).error == asio::error::host_not_found);
  CHECK(f.front.connections() == 1);
  const http2_head head = f.front.last_head();
  CHECK(head[":method"] == "POST");
  CHECK(head[":path"] == "/dns-query");
  CHECK(head[":scheme"] == "https");
  CHECK(head[":authority"] == fmt::format("127.0.0.1:{}", f.front.port()));
  CHECK(head["content-type"] == "application/dns-message");
  CHECK(head["content-length"] == "128");
  const auto query = f.server.last_query();
  CHECK(query[0] + query[1] == 0);
  REQUIRE(f.announced.size() == 1);
  CHECK(f.announced[0].content.protocol == "https");
}

TEST_CASE("doh: past the rules, and without TLS", "[proxy][resolver][doh]") {
  for (const bool tls : {true, false}) {
    https f(tls);
    f.use({f.by_https(tls ? "https+local" : "h2c+local")});
    f.open_door();
    CHECK(f.resolve("a.net").found == addresses{one});
    CHECK(f.announced.empty());
  }
  https f(false);
  f.use({f.by_https("h2c")});
  f.open_door();
  CHECK(f.resolve("a.net").found == addresses{one});
  CHECK(f.announced.size() == 1);
}

TEST_CASE("doh: a server with a name is looked up by the system, and by itself never",
          "[proxy][resolver][doh]") {
  https f;
  test::name_files::write(f.files.sources.hosts, "127.0.0.1 server.example\n");
  f.use({f.server_at(fmt::format("https://server.example:{}/", f.front.port()))});
  f.open_door();
  CHECK(f.resolve("a.net").found == addresses{one});
  CHECK(f.front.requests() == 1);
}

TEST_CASE("doh: a server whose certificate has another name is not asked", "[proxy][resolver][doh]") {
  https f;
  test::name_files::write(f.files.sources.hosts, "127.0.0.1 other.example\n");
  f.use({f.server_at(fmt::format("https://other.example:{}/", f.front.port()))});
  f.open_door();
  CHECK(f.resolve("a.net").error == asio::error::host_not_found_try_again);
  CHECK(f.front.requests() == 0);
}

TEST_CASE("doh: a connection that is lost is replaced", "[proxy][resolver][doh]") {
  https f;
  f.use({f.by_https()});
  f.open_door();
  CHECK(f.resolve("a.net").found == addresses{one});
  f.front.cut();
  CHECK(f.resolve("b.net").error == asio::error::host_not_found);
  f.front.answers = false;
  const asked lost = f.ask("c.net");
  f.run_for(100ms);
  f.front.cut();
  f.front.answers = true;
  CHECK(f.wait(lost).error == asio::error::host_not_found);
}

TEST_CASE("doh: what is no answer is an error", "[proxy][resolver][doh]") {
  https f;
  f.use({f.by_https()});
  f.open_door();
  const auto failed = [&](const char* name) { return f.resolve(name).error; };
  const std::error_code no_answer = asio::error::host_not_found_try_again;
  f.server.add("b.net", {{one}});
  f.front.status = 404;
  CHECK(failed("b.net") == no_answer);
  f.front.status = 200;
  f.front.of_another_type = true;
  f.server.add("c.net", {{one}});
  CHECK(failed("c.net") == no_answer);
  f.front.of_another_type = false;
  f.front.padding = 70'000;
  f.server.add("d.net", {{one}});
  CHECK(failed("d.net") == no_answer);
  f.front.padding = 0;
  f.server.add("e.net", {{two}});
  CHECK(f.resolve("e.net").found == addresses{two});
}

TEST_CASE("doh: a query that is given up is reset, and the connection serves on", "[proxy][resolver][doh]") {
  https f;
  f.use({f.by_https()});
  f.open_door();
  f.resolve("x.net");
  f.front.answers = false;
  {
    const asked given_up = f.ask("b.net");
    f.run_for(100ms);
    CHECK(f.front.requests() == 2);
  }
  f.run_for(50ms);
  CHECK(f.names->counts().under_way == 0);
  f.front.answers = true;
  CHECK(f.resolve("a.net").found == addresses{one});
  CHECK(f.front.connections() == 1);
}

TEST_CASE("doh: a server without an answer costs its time, and no more", "[proxy][resolver][doh]") {
  https f;
  dns_server_options s = f.by_https();
  s.timeout = 300ms;
  f.use({s, f.by_udp()});
  f.open_door();
  f.front.answers = false;
  const auto begun = std::chrono::steady_clock::now();
  CHECK(f.resolve("a.net").found == addresses{one});  // by the other server
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
}

TEST_CASE("doh: a drain ends the connection behind its last query", "[proxy][resolver][doh]") {
  https f;
  f.use({f.by_https()});
  f.open_door();
  f.resolve("a.net");
  CHECK(f.door->live() == 1);
  f.names->drain();
  const auto ends = [&] {
    for (int i = 0; i < 150 && f.door->live() > 0; ++i) f.run_for(20ms);
    return f.door->live() == 0;
  };
  CHECK(ends());
  CHECK(f.resolve("b.net").error == asio::error::host_not_found);
  CHECK(ends());
}

TEST_CASE("a resolver with servers goes at any time", "[proxy][resolver][doh]") {
  for (int order = 0; order < 3; ++order)
    for (const char* way : {"udp", "tcp", "tcp+local", "https", "https+local"}) {
      https f;
      f.front.answers = false;
      const std::string scheme(way);
      const std::uint16_t port = scheme.starts_with("https") ? f.front.port() : f.server.port();
      f.use({f.server_at(fmt::format("{}://127.0.0.1:{}", way, port))});
      f.open_door();
      asked a = f.ask("x.dead");
      f.run_for(order == 2 ? 0ms : 30ms);
      if (order == 0) a.query.reset();
      f.door.reset();
      f.io.reset();
      if (order == 1) f.names.reset();
      CHECK_FALSE(a.answer->there);
    }
}

}  // namespace servers_of_https
