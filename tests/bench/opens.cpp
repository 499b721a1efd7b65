// Whether the millionth sub-stream of a session costs what the first one did.
#include "client.hpp"
#include "pair.hpp"

namespace bench {

int run_opens(arguments& words) {
  words.read_values();
  visits v;
  v.most = words.number("count", 1'000'000, 10, 1'000'000'000);
  const auto streams = words.number("streams", 64, 1, 10'000);
  words.check_all_used();

  asio::io_context io(1);
  session_pair pair(io, options_for(streams));
  asio::co_spawn(io, serve(pair.server, 65536), asio::detached);
  const stopwatch watch(0);
  const auto begin = steady::now();
  team visitors(io);
  for (std::uint64_t i = 0; i < streams; ++i) visitors.start(visit_again_and_again(pair.client, v));
  visitors.run();
  watch.print_rate("streams_per_s", "cpu_us_per_stream", static_cast<double>(v.done));
  print_tenths(v, begin);
  return 0;
}

}  // namespace bench
