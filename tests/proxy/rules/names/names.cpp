// Names and their answers: cache, hosts file, completion, order of addresses, whose look-up it is.
#include "catch.hpp"

#include "proxy/names/address_order.hpp"
#include "proxy/names/final_names.hpp"
#include "proxy/names/hosts_file.hpp"
#include "proxy/names/name_cache.hpp"

#include <fmt/format.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace muxpro::proxy;
using namespace std::chrono_literals;
using asio::ip::make_address;
using addresses = std::vector<asio::ip::address>;
using texts = std::vector<std::string>;
using kind = name_answer::kind;

const muxpro::time_point start{};
name_answer found(const char* address = "192.0.2.1") { return {kind::found, {make_address(address)}}; }

}  // namespace

TEST_CASE("an answer holds for its TTL, within bounds", "[proxy][names]") {
  name_cache c;
  const auto lasts = [&](name_answer a, muxpro::duration ttl, muxpro::duration expected) {
    c.put("x.test", "a", std::move(a), ttl, start);
    const bool before = c.find("x.test", start + expected - 1ns) != nullptr;
    return before && c.find("x.test", start + expected) == nullptr;
  };
  CHECK(lasts(found(), 60s, 60s));
  CHECK(lasts(found(), 0s, 1s));
  CHECK(lasts(found(), 48h, 1h));
  CHECK(lasts({kind::not_there, {}}, 1h, 10s));
  CHECK(lasts({kind::failed, {}}, 1h, 2s));
  CHECK(lasts({kind::not_asked, {}}, 1h, 2s));
  CHECK(c.size() == 0);
}

TEST_CASE("a new answer replaces the old one", "[proxy][names]") {
  name_cache c;
  c.put("x.test", "a", found("192.0.2.1"), 60s, start);
  c.put("x.test", "b", found("192.0.2.2"), 60s, start);
  REQUIRE(c.find("x.test", start));
  CHECK(*c.find("x.test", start) == found("192.0.2.2"));
  CHECK(c.size() == 1);
}

TEST_CASE("addresses may serve beyond their time, and stay until there are others", "[proxy][names]") {
  name_cache c;
  c.put("x.test", "a", found("192.0.2.1"), 60s, start, 10s);
  CHECK(c.find("x.test", start + 59s));
  CHECK_FALSE(c.find("x.test", start + 60s));
  REQUIRE(c.find_stale("x.test", start + 60s));
  c.put("x.test", "a", {kind::failed, {}}, 0s, start + 61s, 10s);
  CHECK(c.find("x.test", start + 62s));  // it is not asked for again at once
  CHECK_FALSE(c.find("x.test", start + 63s));
  CHECK(*c.find_stale("x.test", start + 69s) == found("192.0.2.1"));
  CHECK_FALSE(c.find_stale("x.test", start + 70s));
  c.put("x.test", "a", {kind::failed, {}}, 0s, start + 70s, 10s);
  CHECK(c.find("x.test", start + 71s)->what == kind::failed);
  c.put("x.test", "a", found("192.0.2.1"), 60s, start, 1h);
  c.put("x.test", "a", {kind::not_there, {}}, 0s, start + 61s, 1h);
  CHECK(c.find("x.test", start + 62s)->what == kind::not_there);
  CHECK_FALSE(c.find_stale("x.test", start + 80s));
}

TEST_CASE("an answer keeps a bounded number of addresses", "[proxy][names]") {
  name_cache c;
  name_answer many{kind::found, addresses(1000, make_address("192.0.2.1"))};
  c.put("x.test", "a", many, 60s, start);
  CHECK(c.find("x.test", start)->addresses.size() == 32);
}

TEST_CASE("a full cache forgets the oldest answer, and those of a user with its share first",
          "[proxy][names]") {
  name_cache_bounds b;
  b.entries = 8, b.of_user = 4;
  name_cache c(b);
  for (int i = 0; i < 4; ++i) c.put(fmt::format("h{}", i), "honest", found(), 60s, start);
  for (int i = 0; i < 100; ++i) c.put(fmt::format("a{}", i), "attacker", found(), 60s, start);
  CHECK(c.size() == 8);
  for (int i = 0; i < 4; ++i) CHECK(c.find(fmt::format("h{}", i), start));
  c.put("o0", "other", found(), 60s, start);
  CHECK(c.size() == 8);
  CHECK_FALSE(c.find("h0", start));
  CHECK(c.find("o0", start));
}

TEST_CASE("a cache has what a model has, within its bounds", "[proxy][names]") {
  std::mt19937 random(11);
  const auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  name_cache_bounds b;
  b.entries = 20, b.of_user = 6;
  name_cache c(b);
  std::map<std::string, std::pair<name_answer, muxpro::time_point>> model;  // forgets nothing
  muxpro::time_point now = start;
  for (int step = 0; step < 20'000; ++step) {
    now += std::chrono::milliseconds(pick(300));
    const std::string n = std::to_string(pick(60));
    if (pick(2) == 0) {
      const auto ttl = std::chrono::seconds(1 + pick(20));
      name_answer a = found(fmt::format("192.0.2.{}", pick(250)).c_str());
      model[n] = {a, now + ttl};
      c.put(n, std::to_string(pick(4)), a, ttl, now);
      REQUIRE(c.find(n, now));
    } else if (const auto* known = c.find(n, now)) {
      REQUIRE(model.contains(n));
      REQUIRE(*known == model[n].first);
      REQUIRE(now < model[n].second);
    }
    REQUIRE(c.size() <= 20);
  }
}

TEST_CASE("a hosts file: comments, aliases, both families, lines without an address", "[proxy][names]") {
  const hosts_file h(
      "# hosts\n127.0.0.1\tlocalhost\n::1 localhost ip6-localhost\r\n192.0.2.7 Inside.Test. alias # other\n"
      "nonsense name\n\n 192.0.2.8  alias\n192.0.2.8 alias\n#192.0.2.9 not\n192.0.2.10 last");
  const auto has = [&](const char* name) {
    texts all;
    if (const auto* list = h.find(name))
      for (const auto& a : *list) all.push_back(a.to_string());
    return all;
  };
  CHECK(has("localhost") == texts{"127.0.0.1", "::1"});
  CHECK(has("IP6-LOCALHOST") == texts{"::1"});
  CHECK(has("inside.test") == texts{"192.0.2.7"});
  CHECK(has("inside.test.") == texts{"192.0.2.7"});
  CHECK(has("alias") == texts{"192.0.2.7", "192.0.2.8"});
  CHECK(has("last") == texts{"192.0.2.10"});
  for (const char* none : {"name", "not", "other", "#", ""}) CHECK_FALSE(h.find(none));
}

TEST_CASE("a name without a dot alone is completed", "[proxy][names]") {
  const texts domains{"corp.test", "Other.Test.", "no name"};
  CHECK(final_names("x", domains) == texts{"x.corp.test", "x.other.test", "x"});
  CHECK(final_names("X.", domains) == texts{"x"});
  CHECK(final_names("x.y", domains) == texts{"x.y"});
  CHECK(final_names("x.y.", domains) == texts{"x.y"});
  CHECK(final_names("localhost", domains) == texts{"localhost"});
  CHECK(final_names("x", {}) == texts{"x"});
}

TEST_CASE("an invalid host name has no final names", "[proxy][names]") {
  for (const char* text :
       {"", ".", "a..b", "\\101.test", "a\\.test", "a b", "a/b", "127.1", "127.0.0.1", "0x7f.1"})
    CHECK(final_names(text, {"corp.test"}).empty());
  CHECK(final_names(std::string(64, 'a'), {}).empty());
  const std::string long_name = std::string(60, 'a') + '.' + std::string(60, 'b') + '.' +
                                std::string(60, 'c') + '.' + std::string(60, 'd');
  CHECK(final_names(long_name, {}).size() == 1);
  CHECK(final_names(std::string(20, 'x'), {long_name}) == texts{std::string(20, 'x')});
}

TEST_CASE("localhost is a name of this machine", "[proxy][names]") {
  for (const char* name : {"localhost", "a.localhost"}) CHECK(is_localhost(name));
  for (const char* name : {"notlocalhost", "localhost.test", "local"}) CHECK_FALSE(is_localhost(name));
}

TEST_CASE("addresses without a route come last, then RFC 6724 decides", "[proxy][names]") {
  const auto a = [](const char* text) { return make_address(text); };
  const auto v4 = possible_address{a("198.51.100.1"), true, a("192.168.1.2")};
  const auto v6 = possible_address{a("2606:4700::1"), true, a("2a00::2")};
  const auto unreachable = possible_address{a("2606:4700::1"), false, {}};
  const auto from_unique_local = possible_address{a("2606:4700::1"), true, a("fd00::2")};
  const auto teredo = possible_address{a("2001::1"), true, a("2001::2")};
  const auto order = [](std::vector<possible_address> all) { return in_order(std::move(all)); };
  CHECK(order({v4, v6}) == addresses{v6.to, v4.to});
  CHECK(order({unreachable, v4}) == addresses{v4.to, unreachable.to});
  CHECK(order({from_unique_local, v4}) == addresses{v4.to, from_unique_local.to});
  CHECK(order({teredo, v4}) == addresses{v4.to, teredo.to});
  const auto second = possible_address{a("203.0.113.9"), true, a("192.168.1.2")};
  CHECK(order({second, v4}) == addresses{second.to, v4.to});
  CHECK(order({}).empty());
}
