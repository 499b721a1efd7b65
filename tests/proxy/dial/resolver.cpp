// The resolver with a DNS server of its own: cache, shared queries, turns, completion, files, ends.
#include "catch.hpp"
#include "dns_server.hpp"
#include "support.hpp"

#include "proxy/dial/connect_operation.hpp"
#include "proxy/dial/resolver.hpp"

#include <muxpro/timer.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <thread>

namespace {

using namespace muxpro;
using namespace muxpro::proxy;
using namespace std::chrono_literals;
using asio::ip::address;
using asio::ip::make_address;
using addresses = resolver::addresses;

std::size_t descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                std::filesystem::directory_iterator()));
}

struct reply {
  bool there = false;
  std::error_code error;
  addresses found;
};

struct asked {
  std::shared_ptr<reply> answer;
  std::unique_ptr<resolver::look_up> query;  // moved into the heap: it is given up when it goes
};

struct fixture {
  explicit fixture(std::string_view hosts = "", std::string_view more = "")
      : files(server.port(), hosts, more), names(std::make_unique<resolver>(files.sources)) {}

  asked ask(std::string_view name, std::string asker = "a", resolver::name_check may_ask = {}) {
    asked a;
    a.answer = std::make_shared<reply>();
    auto done = [r = a.answer](std::error_code ec, addresses found) { *r = {true, ec, std::move(found)}; };
    a.query = std::make_unique<resolver::look_up>(
        names->resolve(name, std::move(asker), io->get_executor(), std::move(may_ask), std::move(done)));
    return a;
  }
  /// Until it is answered, 20 s at most.
  reply& wait(const asked& a) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    io->restart();
    while (!a.answer->there && std::chrono::steady_clock::now() < end) {
      io->restart();
      io->run_one_for(100ms);
    }
    REQUIRE(a.answer->there);
    return *a.answer;
  }
  reply resolve(std::string_view name, std::string asker = "a") {
    const asked a = ask(name, std::move(asker));
    return wait(a);
  }

  test::dns_server server;
  test::name_files files;
  std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>();
  std::unique_ptr<resolver> names;
};

}  // namespace

TEST_CASE("a name is queried once, and then cached", "[proxy][resolver]") {
  fixture f;
  f.server.add("one.test", {{make_address("127.0.0.1"), make_address("127.0.0.2")}});
  for (int i = 0; i < 3; ++i) {
    const reply r = f.resolve(i == 1 ? "One.Test." : "one.test");
    CHECK_FALSE(r.error);
    CHECK(r.found == addresses{make_address("127.0.0.1"), make_address("127.0.0.2")});
  }
  CHECK(f.server.asked("one.test") == 1);
  CHECK(f.names->counts().cached == 1);
  CHECK(f.names->counts().under_way == 0);
}

TEST_CASE("a name that does not exist is queried once", "[proxy][resolver]") {
  fixture f;
  for (int i = 0; i < 3; ++i) CHECK(f.resolve("missing.test").error == asio::error::host_not_found);
  CHECK(f.server.asked("missing.test") == 1);
}

TEST_CASE("a server that fails is another error than a name that does not exist", "[proxy][resolver]") {
  fixture f;
  f.server.add("broken.test", {{}, 60, 2});
  CHECK(f.resolve("broken.test").error == asio::error::host_not_found_try_again);
}

TEST_CASE("look-ups of one name share a query", "[proxy][resolver]") {
  fixture f;
  f.server.add("one.test", {{make_address("127.0.0.1")}});
  std::vector<asked> all;
  for (const char* user : {"a", "a", "b", "c"}) all.push_back(f.ask("one.test", user));
  CHECK(f.names->counts().under_way == 1);
  for (const asked& a : all) CHECK(f.wait(a).found == addresses{make_address("127.0.0.1")});
  CHECK(f.server.asked("one.test") == 1);
}

TEST_CASE("unanswered names delay only their user", "[proxy][resolver]") {
  fixture f;
  f.server.add("good.test", {{make_address("127.0.0.1")}});
  std::vector<asked> dead;
  for (int i = 0; i < 1000; ++i) dead.push_back(f.ask(fmt::format("{}.dead", i), "attacker"));
  CHECK(f.names->counts().under_way == 32);
  CHECK(f.names->counts().waiting == 968);
  const auto begun = std::chrono::steady_clock::now();
  CHECK_FALSE(f.resolve("good.test", "honest").error);
  CHECK(std::chrono::steady_clock::now() - begun < 1s);
  // The attacker's own names wait, and its places are free as soon as it goes.
  dead.clear();
  CHECK(f.names->counts().under_way == 0);
  CHECK(f.names->counts().waiting == 0);
  CHECK_FALSE(f.resolve("good.test", "attacker").error);
}

TEST_CASE("a cancelled look-up leaves nothing behind", "[proxy][resolver]") {
  fixture f;
  f.server.add("one.test", {{make_address("127.0.0.1")}});
  f.resolve("one.test");
  f.io->poll();
  const std::size_t before = descriptors(), timers = timers_of(*f.io);
  {
    const asked a = f.ask("1.dead"), b = f.ask("2.dead");
    CHECK(descriptors() > before);
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (f.server.asked("1.dead") == 0 && std::chrono::steady_clock::now() < end) f.io->run_for(1ms);
    CHECK(f.server.asked("1.dead") > 0);
  }
  f.io->restart();
  f.io->run();  // ends at once: nothing waits
  CHECK(descriptors() == before);
  CHECK(timers_of(*f.io) == timers);
  CHECK(f.names->counts().under_way == 0);
}

TEST_CASE("a query that is shared goes on when the first look-up of it is given up", "[proxy][resolver]") {
  fixture f;
  f.server.add("one.test", {{make_address("127.0.0.1")}});
  auto first = f.ask("one.test", "a");
  const auto second = f.ask("one.test", "b");
  first.query.reset();
  CHECK_FALSE(f.wait(second).error);
  f.io->poll();
  CHECK_FALSE(first.answer->there);
  CHECK(f.server.asked("one.test") == 1);
}

TEST_CASE("a look-up may be given up when its answer is on its way", "[proxy][resolver]") {
  fixture f;
  f.names->pin("here.test", {make_address("127.0.0.1")});
  auto a = f.ask("here.test");
  a.query.reset();
  f.io->run();
  CHECK_FALSE(a.answer->there);
}

TEST_CASE("a query without an answer ends after 5 s", "[proxy][resolver]") {
  fixture f;
  const auto begun = std::chrono::steady_clock::now();
  CHECK(f.resolve("a.dead").error == asio::error::host_not_found_try_again);
  const auto took = std::chrono::steady_clock::now() - begun;
  CHECK(took > 2s);
  CHECK(took < 10s);
  CHECK(f.server.asked("a.dead") >= 2);
}

TEST_CASE("the hosts file needs no server, and is read again", "[proxy][resolver]") {
  fixture f("127.0.0.7 Inside.test inside # a comment\n");
  CHECK(f.resolve("inside.test").found == addresses{make_address("127.0.0.7")});
  CHECK(f.resolve("inside").found == addresses{make_address("127.0.0.7")});
  test::name_files::write(f.files.sources.hosts, "127.0.0.77 inside.test\n");
  const auto end = std::chrono::steady_clock::now() + 20s;
  addresses found;
  while (found != addresses{make_address("127.0.0.77")} && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(20ms);
    found = f.resolve("inside.test").found;
  }
  CHECK(found == addresses{make_address("127.0.0.77")});
  CHECK(f.server.asked_in_all() == 0);
}

TEST_CASE("without servers the hosts file and this machine's names still work", "[proxy][resolver]") {
  fixture f("127.0.0.7 inside.test\n");
  ::unlink(f.files.sources.resolv_conf.c_str());
  name_sources from = f.files.sources;
  from.port = 1;  // what c-ares asks then: nothing is there
  f.names = std::make_unique<resolver>(from);
  CHECK(f.resolve("inside.test").found == addresses{make_address("127.0.0.7")});
  CHECK_FALSE(f.resolve("localhost").found.empty());
  CHECK_FALSE(f.resolve("a.localhost").found.empty());
  CHECK(f.resolve("one.test").error == asio::error::host_not_found_try_again);
  from.hosts += ".missing";
  f.names = std::make_unique<resolver>(from);
  CHECK_FALSE(f.resolve("localhost").found.empty());
}

TEST_CASE("a name without a dot alone is completed, and each name is checked", "[proxy][resolver]") {
  fixture f("", "search first.test second.test\n");
  f.server.add("x.second.test", {{make_address("127.0.0.1")}});
  f.server.add("y.z", {{make_address("127.0.0.2")}});
  f.server.add("w.first.test", {{make_address("127.0.0.3")}});
  CHECK(f.resolve("x").found == addresses{make_address("127.0.0.1")});
  CHECK(f.server.asked("x.first.test") == 1);
  CHECK(f.resolve("y.z").found == addresses{make_address("127.0.0.2")});
  CHECK(f.server.asked("y.z.first.test") == 0);
  CHECK(f.resolve("x.").error == asio::error::host_not_found);
  CHECK(f.server.asked("x") == 1);
  std::vector<std::string> checked;
  const auto refuse = [&](std::string_view name) {
    checked.emplace_back(name);
    return name != "w.first.test";
  };
  CHECK(f.wait(f.ask("W", "a", refuse)).error == errc::target_rejected);
  CHECK(checked == std::vector<std::string>{"w.first.test"});
  CHECK(f.server.asked("w.first.test") == 0);
}

TEST_CASE("a block rule sees the name that a search list makes", "[proxy][resolver]") {
  fixture f("", "search corp.test\n");
  f.server.add("inside.corp.test", {{make_address("127.0.0.1")}});
  dial_policy policy;
  policy.allow_private(true);
  policy.block("corp.test");
  const auto search =
      std::make_shared<connect_operation>(f.io->get_executor(), *f.names, policy, dial_options());
  std::error_code ec;
  test::run(*f.io, search->find(muxpro::address("inside"), 80, ec));
  CHECK(ec == errc::target_rejected);
  CHECK(f.server.asked_in_all() == 0);
}

TEST_CASE("an invalid host name is not queried", "[proxy][resolver]") {
  fixture f;
  f.server.add("one.test", {{make_address("127.0.0.1")}});
  for (const char* name :
       {"\\111ne.test", "one\\.test", "one..test", ".", "", "one.test/", "on e.test", "127.1"})
    CHECK(f.resolve(name).error == asio::error::host_not_found);
  CHECK(f.server.asked_in_all() == 0);
}

TEST_CASE("of a name with thousands of addresses a few are kept", "[proxy][resolver]") {
  fixture f;
  test::dns_server::entry many;
  for (std::uint32_t i = 0; i < 2000; ++i) many.addresses.emplace_back(asio::ip::address_v4(0x7f010000u + i));
  f.server.add("many.test", many);
  const reply r = f.resolve("many.test");
  CHECK_FALSE(r.error);
  CHECK(r.found.size() == 16);
}

TEST_CASE("a resolver may go before its look-ups, and a context before both", "[proxy][resolver]") {
  fixture f;
  f.server.add("one.test", {{make_address("127.0.0.1")}});
  const std::size_t before = descriptors();
  std::vector<asked> all;
  for (int i = 0; i < 50; ++i) all.push_back(f.ask(fmt::format("{}.dead", i)));
  all.push_back(f.ask("one.test", "b"));
  f.io->run_for(20ms);
  SECTION("the resolver first") {
    f.names.reset();
    CHECK_FALSE(f.wait(all.back()).error);
    all.clear();
    f.io->restart();
    f.io->run();
  }
  SECTION("the context first") {
    f.io.reset();
    CHECK(f.names->counts().under_way == 0);
    CHECK(f.names->counts().waiting == 0);
    f.io = std::make_unique<asio::io_context>();
    CHECK_FALSE(f.resolve("one.test").error);
    all.clear();
  }
  SECTION("the look-ups within the context") {
    for (asked& a : all) asio::post(*f.io, [kept = std::shared_ptr(std::move(a.query))] {});
    f.io.reset();
    CHECK(f.names->counts().under_way == 0);
  }
  f.io.reset();
  CHECK(descriptors() <= before);
}

TEST_CASE("a dial that is cancelled frees the place of its look-up", "[proxy][resolver]") {
  fixture f;
  dial_policy policy;
  policy.allow_private(true);
  std::error_code ec;
  const auto d =
      std::make_shared<connect_operation>(f.io->get_executor(), *f.names, policy, dial_options(), "user");
  asio::steady_timer timer(*f.io, 50ms);
  timer.async_wait([&](std::error_code) {
    CHECK(f.names->counts().under_way == 1);
    d->cancel(errc::stream_reset);
  });
  test::run(*f.io, d->find(muxpro::address("a.dead"), 80, ec));
  CHECK(ec == errc::stream_reset);
  CHECK(f.names->counts().under_way == 0);
}

TEST_CASE("a dial whose look-up waits has the dial's deadline", "[proxy][resolver]") {
  fixture f;
  dial_policy policy;
  std::error_code ec;
  dial_options o;
  o.timeout = 100ms;
  const auto d = std::make_shared<connect_operation>(f.io->get_executor(), *f.names, policy, o);
  test::run(*f.io, d->find(muxpro::address("a.dead"), 80, ec));
  CHECK(ec == errc::target_timeout);
  CHECK(f.names->counts().under_way == 0);
}
