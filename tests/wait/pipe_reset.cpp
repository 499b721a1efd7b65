// The reset of a pipe's end, and what its peer has not read yet.
#include "catch.hpp"
#include "support.hpp"

#include <muxpro/pipe.hpp>

#include <string>
#include <tuple>

namespace {

using namespace muxpro;

struct ends_of_reset {
  ends_of_reset() { std::tie(near, far) = make_pipe(context.get_executor(), 10); }
  void write(const char* text) {
    near.async_write_some(asio::buffer(text, std::string(text).size()), [](error_code, std::size_t) {});
    run();
  }
  /// What one read of the peer gets, or how it ends.
  std::string read(std::size_t most) {
    std::string room(most, ' '), out = "waits";
    far.async_read_some(asio::buffer(room),
                        [&](error_code ec, std::size_t n) { out = ec ? ec.message() : room.substr(0, n); });
    run();
    return out;
  }
  void run() {
    context.restart();
    context.poll();
  }

  asio::io_context context;
  pipe_end near, far;
};

const std::string was_reset = error_code(asio::error::connection_reset).message();

}  // namespace

TEST_CASE("a reset of a pipe comes behind what was written", "[pipe]") {
  ends_of_reset e;
  e.write("one");
  e.write("two");
  CHECK(e.near.undelivered() == 6);
  e.near.reset();
  CHECK_FALSE(e.near.is_open());
  e.near.close();  // takes nothing back
  CHECK(e.read(4) == "onet");
  CHECK(e.near.undelivered() == 2);
  CHECK(e.read(4) == "wo");
  CHECK(e.read(4) == was_reset);
}

TEST_CASE("a reset of a pipe ends the peer's writes and its own operations", "[pipe]") {
  ends_of_reset e;
  error_code own, other;
  char room = 0;
  e.near.async_read_some(asio::buffer(&room, 1), [&](error_code ec, std::size_t) { own = ec; });
  e.near.reset();
  e.far.async_write_some(asio::buffer("x", 1), [&](error_code ec, std::size_t) { other = ec; });
  e.run();
  CHECK(own == asio::error::operation_aborted);
  CHECK(other == asio::error::broken_pipe);
}

TEST_CASE("a pipe that is reset behind its shutdown ends by EOF", "[pipe]") {
  ends_of_reset e;
  e.write("all");
  e.near.async_shutdown([](error_code) {});
  e.near.reset();
  CHECK(e.read(9) == "all");
  CHECK(e.read(9) == error_code(asio::error::eof).message());
}
