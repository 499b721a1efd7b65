// The thread that writes a log.
#include "proxy/engine/log_thread.hpp"

#include "catch.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace muxpro::proxy;
using std::chrono::steady_clock;

std::string head_of(log_level level) { return level == log_level::warning ? "warning" : "info"; }

constexpr std::chrono::seconds time_limit(20);

/// A reader that can stop reading.
class reader {
 public:
  std::size_t take(std::string_view text) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return reads_; });
    const std::size_t n = std::min(text.size(), room_);
    room_ -= n;
    seen_.append(text.substr(0, n));
    return n;
  }
  void reads(bool yes) {
    const std::lock_guard lock(mutex_);
    reads_ = yes;
    changed_.notify_all();
  }
  /// Bytes after which its disk is full.
  void room(std::size_t n) {
    const std::lock_guard lock(mutex_);
    room_ = n;
  }
  void wait_for_writer(int calls = 1) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, time_limit, [this, calls] { return waiting_ >= calls; }));
  }
  std::string seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string seen_;
  bool reads_ = true;
  int waiting_ = 0;
  std::size_t room_ = std::string::npos;
};

struct scene {
  log_thread log(std::size_t room = default_log_room) {
    return log_thread([r = to](std::string_view text) { return r->take(text); }, head_of, room);
  }
  std::shared_ptr<reader> to = std::make_shared<reader>();
};

bool ends(log_thread& log) { return log.end(steady_clock::now() + time_limit); }

}  // namespace

TEST_CASE("log thread: all lines are there at the end", "[proxy][log]") {
  scene s;
  log_thread log = s.log();
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    log.push(log_level::info, std::to_string(i));
    all += "info " + std::to_string(i) + "\n";
  }
  REQUIRE(ends(log));
  CHECK(s.to->seen() == all);
  CHECK(ends(log));
}

TEST_CASE("log thread: lines of several threads stay whole", "[proxy][log]") {
  scene s;
  log_thread log = s.log();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&log] {
      for (int i = 0; i < 200; ++i) log.push(log_level::info, "a line");
    });
  for (std::thread& t : threads) t.join();
  REQUIRE(ends(log));
  const std::string seen = s.to->seen();
  CHECK(seen.size() == 800 * std::string_view("info a line\n").size());
  for (std::size_t at = 0; at < seen.size(); at += 12) REQUIRE(seen.substr(at, 12) == "info a line\n");
}

TEST_CASE("log thread: a reader that stops costs lines, and delays nothing", "[proxy][log]") {
  scene s;
  log_thread log = s.log(100);
  s.to->reads(false);
  log.push(log_level::info, "with the writer");
  s.to->wait_for_writer();
  for (int i = 0; i < 1000; ++i) log.push(log_level::info, "0123456789");  // 16 bytes each: 6 find room
  s.to->reads(true);
  s.to->wait_for_writer(2);
  log.push(log_level::info, "afterwards");
  REQUIRE(ends(log));
  std::string expected = "info with the writer\n";
  for (int i = 0; i < 6; ++i) expected += "info 0123456789\n";
  CHECK(s.to->seen() == expected + "warning 994 lines lost\ninfo afterwards\n");
}

TEST_CASE("log thread: the end waits for a stuck reader only until its deadline", "[proxy][log]") {
  scene s;
  {
    log_thread log = s.log();
    s.to->reads(false);
    log.push(log_level::info, "one");
    s.to->wait_for_writer();
    log.push(log_level::info, "two");
    CHECK_FALSE(log.end(steady_clock::now() + std::chrono::milliseconds(10)));
    CHECK(log.end(steady_clock::time_point::min()));  // the thread is left alone already
  }
  CHECK(s.to->seen().empty());
  s.to->reads(true);  // the thread ends by itself, with what it needs
  s.to->wait_for_writer(2);
}

TEST_CASE("log thread: what a full disk does not take is counted", "[proxy][log]") {
  scene s;
  log_thread log = s.log();
  s.to->room(8);
  log.push(log_level::info, "cut inside");
  s.to->wait_for_writer();
  log.push(log_level::info, "not at all");
  s.to->wait_for_writer(2);
  log.push(log_level::info, "nor this");
  s.to->wait_for_writer(3);
  s.to->room(1000);
  log.push(log_level::info, "again");
  REQUIRE(ends(log));
  const std::string seen = s.to->seen();
  CHECK(seen == "info cut\nwarning 3 lines lost\ninfo again\n");
}

TEST_CASE("log thread: a writer that throws loses its lines alone", "[proxy][log]") {
  std::string seen;
  bool fails = true;
  log_thread log(
      [&](std::string_view text) {
        if (std::exchange(fails, false)) throw std::runtime_error("no");
        seen += text;
        return text.size();
      },
      head_of);
  log.push(log_level::info, "one");
  REQUIRE(ends(log));
  CHECK(seen.empty());
}
