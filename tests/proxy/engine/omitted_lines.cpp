// What a log leaves out and what is dropped: counted exactly, and reported when a burst is over.
#include "kept_lines.hpp"
#include "loopback.hpp"

#include "proxy/engine/rate_limited_log.hpp"
#include "proxy/udp/datagram_drops.hpp"

#include <thread>

namespace {

using namespace loopback_test;

const asio::ip::address source = asio::ip::make_address("192.0.2.1");

}  // namespace

TEST_CASE("log: lines left out at the end of a burst are reported when it is over", "[proxy][log]") {
  targets x;
  test::kept_lines lines;
  rate_limited_log log(lines.sink(), 2);
  log.report_on(x.io.get_executor());
  x.run<targets>(x, [&](targets& t) -> awaitable<> {
    for (int i = 0; i < 7; ++i) log.note(log_level::info, source, "line");
    co_await wait_for([&] { return lines.all().size() == 3; });
    CHECK(lines.all() == std::vector<std::string>{"line", "line", "5 lines about 192.0.2.1 were left out"});
    // The timer goes with the burst.
    CHECK(timers_of(t.io) == 0);
  });
}

TEST_CASE("log: lines left out are reported at the end, with and without a timer", "[proxy][log]") {
  for (const bool with_timer : {false, true}) {
    asio::io_context io;
    test::kept_lines lines;
    {
      rate_limited_log log(lines.sink(), 1);
      if (with_timer) log.report_on(io.get_executor());
      for (int i = 0; i < 4; ++i) log.note(log_level::info, source, "line");
    }
    CHECK(lines.all() == std::vector<std::string>{"line", "3 lines about 192.0.2.1 were left out"});
  }
}

TEST_CASE("log: a context that goes first takes the timer along", "[proxy][log]") {
  test::kept_lines lines;
  rate_limited_log log(lines.sink(), 1);
  {
    asio::io_context io;
    log.report_on(io.get_executor());
    for (int i = 0; i < 4; ++i) log.note(log_level::info, source, "line");
    io.poll();
  }
  log.finish();
  CHECK(lines.all().size() == 2);
}

TEST_CASE("log: threads that provoke lines lose no count", "[proxy][log]") {
  constexpr int threads = 4, each = 5000;
  test::kept_lines lines;
  {
    rate_limited_log log(lines.sink(), 3);
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
      all.emplace_back([&] {
        for (int i = 0; i < each; ++i) log.note(log_level::info, source, "line");
      });
    for (auto& t : all) t.join();
  }
  int sum = 0;
  for (const std::string& l : lines.all()) sum += l == "line" ? 1 : std::stoi(l);
  CHECK(sum == threads * each);
}

TEST_CASE("datagram drops: one line for the first, and one with the number of the others", "[proxy][udp]") {
  targets x;
  test::kept_lines lines;
  datagram_drops drops(lines.sink());
  drops.report_on(x.io.get_executor());
  x.run<targets>(x, [&](targets&) -> awaitable<> {
    for (int i = 0; i < 5; ++i) drops.note(drop_reason::queue_full, "192.0.2.1");
    drops.note(drop_reason::over_rate, "user alice", 3);
    co_await wait_for([&] { return lines.all().size() == 3; });
    CHECK(lines.all() ==
          std::vector<std::string>{
              "1 datagram of 192.0.2.1 dropped: the receiver is slower than the sender",
              "3 datagrams of user alice dropped: more than allowed in a second",
              "4 more datagrams of 192.0.2.1 dropped: the receiver is slower than the sender"});
  });
  CHECK(drops.count(drop_reason::queue_full) == 5);
  CHECK(drops.count(drop_reason::over_rate) == 3);
  CHECK(drops.count(drop_reason::ended) == 0);
}

TEST_CASE("datagram drops: a link counts what it has no room for and what waits at its end", "[proxy][udp]") {
  targets x;
  x.run<targets>(x, [](targets& t) -> awaitable<> {
    std::map<drop_reason, std::uint64_t> dropped;
    const auto count = [&](drop_reason why, std::uint64_t n) { dropped[why] += n; };
    auto [a, b] = make_datagram_link(t.io.get_executor(), {3, 1000}, count);
    std::error_code ec;
    for (int i = 0; i < 10; ++i) co_await a->send(asio::buffer("x", 1), host_port("192.0.2.1", 1), ec);
    CHECK(dropped[drop_reason::queue_full] == 7);
    co_await b->send(asio::buffer("y", 1), host_port("192.0.2.1", 1), ec);
    b->end(end_code::rejected);
    CHECK(dropped[drop_reason::refused] == 3);
    a.reset();
    CHECK(dropped[drop_reason::ended] == 1);
  });
}
