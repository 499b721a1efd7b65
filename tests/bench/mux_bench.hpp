// What the commands of mux_bench share.
#pragma once

#include "arguments.hpp"

#include <muxpro/session.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

namespace bench {

using std::error_code;

inline auto or_error(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

/// What the first byte of a sub-stream asks of the server.
enum request : char {
  answer = 'C',  ///< one byte back, and the end
  idle = 'I',    ///< one byte back, and nothing more until the client ends it
  trim = 'G',    ///< as answer, but first free memory goes back to the system
  echo = 'E',    ///< 64 bytes there and back, again and again
  sink = 'S'     ///< a length of 8 bytes, so much data, the length back
};
constexpr std::size_t ping_size = 64;

/// The defaults, except where a workload holds more sub-streams open than they allow.
muxpro::session_options options_for(std::uint64_t streams);

/// Runs coroutines side by side until the last of them has ended; an exception of one leaves run().
class team {
 public:
  explicit team(asio::io_context& io) : io_(io) {}

  void start(asio::awaitable<void> member) {
    ++members_;
    asio::co_spawn(io_, std::move(member), [this](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
      if (--members_ == 0) io_.stop();
    });
  }
  void run() {
    io_.restart();
    if (members_ > 0) io_.run();
  }

 private:
  asio::io_context& io_;
  std::size_t members_ = 0;
};

/// Serves each sub-stream that the client opens, until the session ends. Reads take at most `chunk` bytes.
asio::awaitable<void> serve(muxpro::session& session, std::size_t chunk);

// --- the commands
int run_server(arguments& words);
int run_client(arguments& words);
int run_path(arguments& words);
int run_idle(arguments& words);
int run_opens(arguments& words);
int run_count(arguments& words);

}  // namespace bench
