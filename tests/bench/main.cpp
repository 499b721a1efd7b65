// mux_bench COMMAND ...: the workloads of the benches over muxpro.
#include "mux_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

namespace bench {

namespace {

constexpr const char* help = R"(mux_bench server PORT [chunk=N streams=N]
mux_bench client PORT W1|W2|W3|W4|W5|W7 [key=value ...]
A server, and a client that drives it through one workload over loopback and prints lines of
metric, value and unit, with tabs between them.

  chunk=N       bytes of one write and of one read of the application (65536)
  streams=N     sub-streams at once (W1: 1, W2: 64, W3 and W4: 1, W5: 1000); the server must know of more than 200
  sessions=N    main connections over which the sub-streams of W1 and W2 are spread (1)
  secs=N        how long a workload lasts (5)
  mingib=N      least that W1 and W2 transfer (4)
  count=N       W3: so many sub-streams instead of so much time, and the rate in each tenth of them
  serverpid=N   whose processor time and memory is measured, too

Without a network, both sides in this process:
mux_bench path [rtt_ms=100 mbit=1000 max_window=N budget=N]
              a long fat pipe on a virtual clock: how soon one sub-stream fills it
mux_bench idle [sessions=1000 streams=10000]
              memory of an idle session and of an idle sub-stream
mux_bench opens [count=1000000 streams=64]
              so many sub-streams opened, visited and closed, and the rate in each tenth of them
mux_bench count SCENARIO
              a fixed amount of work, for counting instructions: frames, w1, w3, w4, opens, relay, routes, and
              through a SOCKS inbound that sniffs echo or short, through one that does not unsniffed-echo or
              unsniffed-short
)";

int dispatch(std::span<char* const> line) {
  arguments words(line);
  const std::string_view command = words.word("the command (mux_bench --help lists them)");
  if (command == "server") return run_server(words);
  if (command == "client") return run_client(words);
  if (command == "path") return run_path(words);
  if (command == "idle") return run_idle(words);
  if (command == "opens") return run_opens(words);
  if (command == "count") return run_count(words);
  if (command != "--help")
    throw failure(fmt::format("'{}' is no command; mux_bench --help lists them", command));
  fmt::print("{}", help);
  return 0;
}

}  // namespace

// A sub-stream counts until both sides have let go of it: those of the warm-up may still be there.
muxpro::session_options options_for(std::uint64_t streams) {
  constexpr std::uint64_t spare = 100;
  const std::uint64_t room = 2 * streams + spare;
  muxpro::session_options o;
  if (room > o.max_streams)
    o.max_streams = o.accept_backlog = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, 65535));
  return o;
}

}  // namespace bench

int main(int argc, char** argv) {
  const std::span<char* const> words(argv + 1, static_cast<std::size_t>(argc - 1));
  return bench::run_program("mux_bench", [&] { return bench::dispatch(words); });
}
