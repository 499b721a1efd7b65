// One thread, one clock, one seed: everything that happens in a run, in the order in which it happens.
#pragma once

#include "dice.hpp"

#include <muxpro/testing/manual_clock.hpp>

#include <fmt/format.h>
#include <asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace simulation {

using namespace std::chrono_literals;
using muxpro::error_code;

class world {
 public:
  world(std::uint64_t seed, bool trace);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  asio::io_context& context() noexcept { return *context_; }
  asio::any_io_executor executor() { return context_->get_executor(); }
  duration now() const { return clock_->now() - begin_; }
  dice fork() noexcept { return random_.fork(); }

  /// `what` happens after `delay`, between two handlers.
  void after(duration delay, std::function<void()> what);

  // --- the trace
  void note(std::string_view what, std::uint64_t who = 0, std::uint64_t n = 0);
  std::uint64_t hash() const noexcept { return hash_; }
  std::uint64_t handlers() const noexcept { return handlers_; }

  // --- what must hold
  /// The first complaint ends the run.
  void complain(std::string why);
  template <class... Args>
  void expect(bool holds, fmt::format_string<Args...> why, Args&&... args) {
    if (!holds) complain(fmt::format(why, std::forward<Args>(args)...));
  }
  const std::string& complaint() const noexcept { return complaint_; }
  bool failed() const noexcept { return !complaint_.empty(); }
  void after_each_handler(std::function<void()> check) { each_.push_back(std::move(check)); }
  /// Nothing is ready, and time is about to pass.
  void at_rest(std::function<void()> check) { rest_.push_back(std::move(check)); }

  // --- operations, each with its deadline
  std::uint64_t begin(const char* what, std::uint64_t who, duration at_most);
  void end(std::uint64_t id);
  std::size_t pending() const noexcept { return operations_.size(); }
  void complain_of_pending(std::string_view why);

  /// Runs until `done`, nothing is left to happen, or `limit` has come. False if it is not done then.
  bool run_until(const std::function<bool()>& done, duration limit);
  /// The context goes, with all that waits in it.
  void end_context();

 private:
  struct operation {
    const char* what;
    std::uint64_t who;
    duration deadline;
  };

  bool handle_one();
  bool let_time_pass(duration limit);
  void check_deadlines();

  std::uint64_t hash_ = 0;
  bool trace_;
  dice random_;
  std::optional<asio::io_context> context_;
  std::optional<muxpro::testing::manual_clock> clock_;
  muxpro::time_point begin_;
  std::multimap<duration, std::function<void()>> events_;
  std::map<std::uint64_t, operation> operations_;
  std::uint64_t last_operation_ = 0;
  std::vector<std::function<void()>> each_, rest_;
  std::uint64_t handlers_ = 0, handlers_now_ = 0;
  std::string complaint_;
};

}  // namespace simulation
