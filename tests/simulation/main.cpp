// Runs seeds one after the other, and prints the first one that fails with the command that replays it.
#include "memory.hpp"
#include "scene.hpp"

#include <muxpro/detail/recycled.hpp>

#include <fmt/format.h>

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace simulation {
namespace {

// A sanitizer, which switches recycles_memory off, and -O0 take several times as long.
#if defined(__OPTIMIZE__)
constexpr bool is_fast = muxpro::detail::recycles_memory;
#else
constexpr bool is_fast = false;
#endif
constexpr std::uint64_t usual_seeds = is_fast ? 2000 : 500;

struct arguments {
  std::uint64_t from = 1, seeds = usual_seeds;
  bool trace = false;
  std::vector<muxpro::dialect> dialects{muxpro::dialect::spec, muxpro::dialect::mux_cool};
};

const char* name_of(muxpro::dialect d) { return d == muxpro::dialect::spec ? "mux.pro" : "mux.cool"; }

bool parse_dialect(std::string_view name, arguments& a) {
  std::erase_if(a.dialects, [name](muxpro::dialect d) { return name != name_of(d); });
  return !a.dialects.empty();
}

std::uint64_t current_seed = 0;
muxpro::dialect current_dialect = muxpro::dialect::spec;
const char* program = "muxpro_simulation_tests";

[[noreturn]] void usage() {
  fmt::print(
      stderr,
      "usage: {} [--seed S | --from S --seeds N] [--dialect D] [--trace]\n"
      "  --seed S      one run\n  --seeds N     so many runs ({})\n  --from S      the first of them (1)\n"
      "  --dialect D   mux.pro or mux.cool alone: a seed is a run of each\n"
      "  --trace       prints every event\n",
      program, usual_seeds);
  std::exit(2);
}

arguments parse(int count, char** values) {
  arguments a;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = values[i];
    if (name == "--trace") {
      a.trace = true;
      continue;
    }
    if (i + 1 == count) usage();
    if (name == "--dialect") {
      if (!parse_dialect(values[++i], a)) usage();
      continue;
    }
    char* end = nullptr;
    const std::uint64_t value = std::strtoull(values[++i], &end, 0);
    if (*end != '\0') usage();
    if (name == "--seed")
      a.from = value, a.seeds = 1;
    else if (name == "--from")
      a.from = value;
    else if (name == "--seeds")
      a.seeds = value;
    else
      usage();
  }
  return a;
}

/// Asio ends the process when an operation of a coroutine cannot be allocated: those are smaller.
constexpr std::uint64_t least_that_fails = 1024;

struct outcome {
  std::string complaint;
  std::uint64_t hash = 0, handlers = 0;
};

outcome run_here(std::uint64_t seed, muxpro::dialect d, bool trace) {
  world w(seed, trace);
  plan p(w.fork(), d);
  dice shortage = w.fork();
  memory::scarce(shortage.next(), p.starved ? shortage.size(2, 200) : 0, least_that_fails);
  const bool context_first = shortage.chance(30);
  outcome out;
  {
    scene s(w, p);
    s.play();
    out = {w.complaint(), w.hash(), w.handlers()};
    // After a complaint nothing is sure, not even that it can be taken down.
    if (w.failed())
      fmt::print("seed {} of {} fails: {}\n  replay: {} --seed {} --dialect {} --trace\n", seed, name_of(d),
                 out.complaint, program, seed, name_of(d));
    std::fflush(stdout);
    if (context_first) w.end_context();
  }
  memory::scarce(0, 0, 0);
  return out;
}

/// Threads keep memory, so that a seed in an old one would have other allocations that may fail.
outcome run(std::uint64_t seed, muxpro::dialect d, bool trace) {
  outcome out;
  std::thread([&] { out = run_here(seed, d, trace); }).join();
  return out;
}

/// A crash names its seed, too.
void crashed(int signal) {
  char text[250];
  const auto end = fmt::format_to_n(
      text, sizeof text, "seed {} of {} crashes by signal {}\n  replay: {} --seed {} --dialect {} --trace\n",
      current_seed, name_of(current_dialect), signal, program, current_seed, name_of(current_dialect));
  std::fflush(stdout);
  [[maybe_unused]] const auto written = ::write(1, text, std::min(end.size, sizeof text));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class result_lines {
 public:
  void write(std::string_view what, std::uint64_t from) {
    if (out_.is_open()) out_ << what << " seeds from " << from << std::endl;
  }

 private:
  static const char* file_name() {
    const char* name = std::getenv("MUXPRO_TEST_RESULTS");
    return name ? name : "";
  }
  std::ofstream out_{file_name()};
};

constexpr std::uint64_t seeds_per_result = 100;
constexpr std::uint64_t replays_one_in = 50;

bool run_seed(std::uint64_t seed, muxpro::dialect d, bool trace, std::uint64_t& handlers) {
  current_seed = seed;
  current_dialect = d;
  const outcome first = run(seed, d, trace);
  handlers += first.handlers;
  if (trace) fmt::print("hash {:016x}, {} handlers\n", first.hash, first.handlers);
  if (!first.complaint.empty()) return false;
  if (seed % replays_one_in != 0) return true;
  const outcome again = run(seed, d, false);
  if (again.hash == first.hash && again.handlers == first.handlers) return true;
  fmt::print("seed {} of {} does not replay: {:016x} after {} handlers, then {:016x} after {}\n", seed,
             name_of(d), first.hash, first.handlers, again.hash, again.handlers);
  return false;
}

int run_all(const arguments& a) {
  result_lines results;
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t handlers = 0;
  for (std::uint64_t done = 0; done < a.seeds; ++done) {
    const std::uint64_t group = a.from + done / seeds_per_result * seeds_per_result;
    if (done % seeds_per_result == 0) results.write("begin", group);
    const auto good = [&](muxpro::dialect d) { return run_seed(a.from + done, d, a.trace, handlers); };
    if (!std::all_of(a.dialects.begin(), a.dialects.end(), good)) {
      results.write("failed", group);
      fmt::print("failed after {} seeds\n", done + 1);
      return 1;
    }
    if ((done + 1) % seeds_per_result == 0 || done + 1 == a.seeds) results.write("passed", group);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("{} seeds, {} handlers, {:.1f} s, {:.0f} seeds/s\n", a.seeds, handlers, took.count(),
             static_cast<double>(a.seeds) / took.count());
  return 0;
}

}  // namespace
}  // namespace simulation

int main(int count, char** values) {
  simulation::program = values[0];
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    std::signal(signal, simulation::crashed);
  return simulation::run_all(simulation::parse(count, values));
}
