// The resolver with servers of a configuration: by UDP and TCP, through a dispatcher and past it.
#include "name_servers.hpp"

#include <chrono>
#include <thread>

namespace servers_of_resolvers {

using namespace name_servers_test;

TEST_CASE("a server of UDP is asked through the dispatcher", "[proxy][resolver]") {
  fixture f;
  f.server.add("a.net", {{one, six}});
  dns_server_options s = f.by_udp();
  s.family = name_family::both;
  s.tag = "names";
  f.use({s});
  f.open_door();
  const reply r = f.resolve("a.net");
  CHECK(addresses(r.found).size() == 2);
  CHECK(f.server.asked("a.net") == 1);
  CHECK(f.resolve("a.net").found.size() == 2);
  CHECK(f.server.asked("a.net") == 1);
  REQUIRE(f.announced.size() == 1);
  CHECK(is_own_query(f.announced[0].inbound));
  CHECK(f.announced[0].inbound.tag == "names");
  CHECK(f.announced[0].outbound.target == destination(network::udp, "127.0.0.1", f.server.port()));
  CHECK(f.resolve("none.net").error == asio::error::host_not_found);
}

TEST_CASE("what does not fit into a datagram comes by TCP", "[proxy][resolver]") {
  fixture f;
  addresses many;
  for (int i = 1; i < 100; ++i) many.push_back(make_address(fmt::format("192.0.2.{}", i)));
  f.server.add("many.net", {many});
  f.use({f.by_udp()});
  f.open_door();
  CHECK(f.resolve("many.net").found.size() == 16);
  CHECK(f.server.by_stream() == 1);
}

TEST_CASE("a server before EDNS is asked without it", "[proxy][resolver]") {
  fixture f;
  f.server.add("a.net", {{one}});
  f.server.refuse_edns();
  f.use({f.by_udp()});
  f.open_door();
  CHECK(f.resolve("a.net").found == addresses{one});
  CHECK(f.server.asked("a.net") == 1);
}

TEST_CASE("a query whose reply is lost is sent again, until its time is over", "[proxy][resolver]") {
  fixture f;
  dns_server_options s = f.by_udp();
  s.timeout = 1500ms;
  f.use({s});
  f.open_door();
  const auto begun = std::chrono::steady_clock::now();
  CHECK(f.resolve("a.dead").error == asio::error::host_not_found_try_again);
  CHECK(std::chrono::steady_clock::now() - begun < 3s);
  CHECK(f.server.asked("a.dead") == 2);
  f.run_for(50ms);
  CHECK(f.door->live() == 0);
}

TEST_CASE("a server of TCP is asked through the dispatcher, or past it", "[proxy][resolver]") {
  for (const char* scheme : {"tcp://", "tcp+local://"}) {
    fixture f;
    f.server.add("a.net", {{one, six}});
    dns_server_options s = f.server_at(fmt::format("{}127.0.0.1:{}", scheme, f.server.port()));
    s.family = name_family::both;
    f.use({s});
    f.open_door();
    CHECK(f.resolve("a.net").found.size() == 2);
    CHECK(f.server.by_stream() == 2);
    CHECK(f.announced.size() == (s.local ? 0 : 1));
  }
}

TEST_CASE("a server with a name has its address from the system", "[proxy][resolver]") {
  fixture f("127.0.0.1 dns.inside\n");
  f.server.add("a.net", {{one}});
  f.use({f.server_at(fmt::format("tcp+local://dns.inside:{}", f.server.port()))});
  CHECK(f.resolve("a.net").found == addresses{one});
  CHECK(f.server.by_stream() == 1);
}

TEST_CASE("the network of a client is sent to a server, if that is configured", "[proxy][resolver]") {
  fixture f;
  f.server.add("a.net", {{one}});
  dns_server_options s = f.by_udp();
  s.client = make_address("198.51.100.7");
  f.use({s});
  f.open_door();
  f.resolve("a.net");
  const std::vector<std::uint8_t> expected{0, 8, 0, 7, 0, 1, 24, 0, 198, 51, 100};
  const auto query = f.server.last_query();
  REQUIRE(query.size() > expected.size());
  CHECK(std::equal(expected.rbegin(), expected.rend(), query.rbegin()));
}

TEST_CASE("servers are asked in turn until one has an address", "[proxy][resolver]") {
  fixture f;
  test::dns_server other;
  other.add("a.net", {{two}});
  f.server.add("b.net", {{one}});
  f.use({f.by_udp(), f.server_at(fmt::format("udp://127.0.0.1:{}", other.port()))});
  f.open_door();
  CHECK(f.resolve("a.net").found == addresses{two});
  CHECK(f.server.asked("a.net") == 1);
  CHECK(f.resolve("b.net").found == addresses{one});
  CHECK(other.asked("b.net") == 0);
  CHECK(f.resolve("c.net").error == asio::error::host_not_found);
  CHECK(other.asked("c.net") == 1);
}

TEST_CASE("servers are asked at once, and the first of the list has the answer", "[proxy][resolver]") {
  fixture f;
  test::dns_server other;
  other.add("a.net", {{two}});
  f.server.add("b.net", {{one}});
  other.add("b.net", {{two}});
  dns_server_options second = f.server_at(fmt::format("udp://127.0.0.1:{}", other.port()));
  second.tag = "another";  // not alike
  dns_options o;
  o.parallel = true;
  f.use({f.by_udp(), second}, o);
  f.open_door();
  CHECK(f.resolve("a.net").found == addresses{two});
  CHECK(f.resolve("b.net").found == addresses{one});
  CHECK(f.server.asked("a.net") == 1);
  // The first answer may be there before the second server has read the question.
  for (int i = 0; i < 2000 && other.asked("b.net") == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(other.asked("b.net") == 1);
}

TEST_CASE("of servers that are alike the first reply counts", "[proxy][resolver]") {
  fixture f;
  test::dns_server other;
  other.add("x.dead", {{two}});  // neither of them answers
  other.add("a.net", {{two}});
  dns_server_options silent = f.server_at("udp://127.0.0.1:9");
  dns_options o;
  o.parallel = true;
  f.use({silent, f.server_at(fmt::format("udp://127.0.0.1:{}", other.port()))}, o);
  f.open_door();
  const auto begun = std::chrono::steady_clock::now();
  CHECK(f.resolve("a.net").found == addresses{two});
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
}

TEST_CASE("stale addresses are used, and queried again", "[proxy][resolver]") {
  fixture f;
  f.server.add("a.net", {{one}, 0});  // for a second
  dns_server_options s = f.by_udp();
  s.stale = 1h;
  f.use({s});
  f.open_door();
  CHECK(f.resolve("a.net").found == addresses{one});
  std::this_thread::sleep_for(1100ms);
  f.server.add("a.net", {{two}, 60});
  CHECK(f.resolve("a.net").found == addresses{one});
  CHECK(f.until([&] { return f.server.asked("a.net") == 2; }));
  CHECK(f.resolve("a.net").found == addresses{two});
}

TEST_CASE("a server without a cache is asked each time", "[proxy][resolver]") {
  fixture f;
  f.server.add("a.net", {{one}});
  dns_server_options s = f.by_udp();
  s.cache = false;
  f.use({s});
  f.open_door();
  f.resolve("a.net");
  f.resolve("a.net");
  CHECK(f.server.asked("a.net") == 2);
}

}  // namespace servers_of_resolvers
