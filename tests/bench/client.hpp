// The client's side of the workloads: sessions, and what is done over their sub-streams.
#pragma once

#include "measure.hpp"
#include "mux_bench.hpp"

#include <cstdint>
#include <vector>

namespace bench {

struct workload {
  std::uint64_t streams = 1;
  std::size_t chunk = 65536;
  std::uint64_t count = 0;
  double seconds = 5;
  double least_gibibytes = 4;
  int server_pid = 0;
};

/// Main connections to a server, made before anything is measured.
struct client {
  client(std::uint16_t port, std::uint64_t sessions, std::uint64_t streams);
  muxpro::session& session_for(std::uint64_t stream) { return sessions_[stream % sessions_.size()]; }

  asio::io_context io{1};

 private:
  std::vector<muxpro::session> sessions_;
};

/// Opens, sends one byte, receives one byte.
asio::awaitable<muxpro::sub_stream> visit(muxpro::session& s, request what);
/// Sends so many bytes, and checks that the server took them.
asio::awaitable<void> transfer(muxpro::session& s, std::uint64_t size, std::size_t chunk,
                               std::uint64_t& sent);
/// Messages there and back, one after the other, until `end` or until there are `most` samples.
asio::awaitable<void> ping(muxpro::session& s, steady::time_point end, samples& into,
                           std::size_t most = ~std::size_t{0});

/// How long sub-streams are opened, visited and closed, and what came of it.
struct visits {
  steady::time_point end = steady::time_point::max();
  std::uint64_t most = ~std::uint64_t{0};
  std::uint64_t begun = 0, done = 0;
  std::vector<steady::time_point> tenths{};  ///< when each tenth of `most` was done
};
asio::awaitable<void> visit_again_and_again(muxpro::session& s, visits& v);
/// The rate in each tenth, as metrics of that name with the number of sub-streams behind it.
void print_tenths(const visits& v, steady::time_point begin);

}  // namespace bench
