// What a socket does at once: some, all or none of the bytes, full, and broken.
#include "catch.hpp"
#include "support.hpp"

#include <muxpro/plain_socket.hpp>

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace {

using namespace muxpro;

struct sockets {
  sockets() { asio::local::connect_pair(near, far); }
  std::vector<std::byte> read() {
    std::vector<std::byte> room(1 << 20);
    room.resize(read_now(far, room));
    return room;
  }

  asio::io_context context;
  asio::local::stream_protocol::socket near{context}, far{context};
  error_code ec = errc::bad_option;  // of something before
};

}  // namespace

TEST_CASE("a socket takes at once what there is room for", "[plain_socket]") {
  sockets s;
  const auto data = test::pattern(100);
  CHECK(write_now(s.near, data, s.ec) == data.size());
  CHECK_FALSE(s.ec);
  CHECK(s.read() == data);

  const auto much = test::pattern(16 << 20);
  const std::size_t n = write_now(s.near, much, s.ec);
  CHECK(n > 0);
  CHECK(n < much.size());
  CHECK_FALSE(s.ec);
  while (write_now(s.near, data, s.ec) > 0) continue;
  CHECK_FALSE(s.ec);
}

TEST_CASE("a socket takes several pieces in one call", "[plain_socket]") {
  sockets s;
  const auto data = test::pattern(100);
  const std::array pieces{asio::buffer(data.data(), 30), asio::buffer(data.data() + 30, 1),
                          asio::buffer(data.data() + 31, 69)};
  CHECK(detail::write_now(s.near, detail::write_buffers(pieces), s.ec) == data.size());
  CHECK(s.read() == data);
}

TEST_CASE("an empty write does not reach the socket", "[plain_socket]") {
  sockets s;
  s.far.close();  // else an error would come of it
  CHECK(write_now(s.near, {}, s.ec) == 0);
  CHECK_FALSE(s.ec);
  CHECK(detail::write_now(s.near, {}, s.ec) == 0);
  CHECK_FALSE(s.ec);
}

TEST_CASE("a socket whose peer has gone is broken, without SIGPIPE", "[plain_socket]") {
  sockets s;
  s.far.close();
  CHECK(write_now(s.near, test::pattern(1), s.ec) == 0);
  CHECK(s.ec == asio::error::broken_pipe);
}

TEST_CASE("a socket gives at once what is there", "[plain_socket]") {
  sockets s;
  std::array<std::byte, 4> room{};
  CHECK(read_now(s.far, room) == 0);
  const auto data = test::pattern(5);
  write_now(s.near, data, s.ec);
  CHECK(read_now(s.far, room) == 4);
  CHECK(std::equal(room.begin(), room.end(), data.begin()));
  CHECK(read_now(s.far, room) == 1);
  s.near.close();
  CHECK(read_now(s.far, room) == 0);
}
