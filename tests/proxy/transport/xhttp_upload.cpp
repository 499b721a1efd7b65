// The parts of an upload, on their way from requests to a connection.
#include "http2_meeting.hpp"

#include "proxy/transport/xhttp_server.hpp"
#include "proxy/transport/xhttp_upload.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace xhttp_upload_test {

using namespace http2_test;

namespace {

/// A body that has come as a whole.
std::shared_ptr<connection> body_of(asio::io_context& io, const std::string& text) {
  auto [near, far] = make_pipe(io.get_executor(), 1 << 20);
  near.async_write_some(asio::buffer(text), [](std::error_code, std::size_t) {});
  near.async_shutdown([](std::error_code) {});
  struct both {
    pipe_end near, far;
  };
  // The near end lives as long as the far one.
  const auto kept = std::make_shared<both>(both{std::move(near), pipe_end()});
  std::shared_ptr<connection> c = make_connection(std::move(far));
  return {c.get(), [c, kept](connection*) {}};
}

awaitable<> take(std::shared_ptr<xhttp_upload> up, xhttp_part part) {
  std::error_code ec;
  co_await up->take_post(std::move(part), ec);
}

awaitable<std::string> uploaded(xhttp_upload& up) {
  std::string text;
  std::array<char, 1000> room;
  for (;;) {
    std::error_code ec;
    const std::size_t n = co_await up.read_some(asio::buffer(room), ec);
    text.append(room.data(), n);
    if (ec) co_return text + (ec == asio::error::eof ? "|" : "!");
  }
}

void begin_post(asio::io_context& io, const std::shared_ptr<xhttp_upload>& up, std::uint64_t n,
                const std::string& text) {
  CHECK(up->enter_post(n) == upload_reorder_buffer::entry::waits);
  asio::co_spawn(io, take(up, {n, {}, body_of(io, text)}), [](std::exception_ptr) {});
}

}  // namespace

TEST_CASE("xhttp_upload: parts are read in order, and an empty one is the end", "[proxy][xhttp]") {
  asio::io_context io;
  const auto up = std::make_shared<xhttp_upload>(30);
  begin_post(io, up, 2, "three");
  begin_post(io, up, 1, "two ");
  begin_post(io, up, 3, "");
  begin_post(io, up, 0, "one ");
  up->begin();
  CHECK(test::run(io, uploaded(*up)) == "one two three|");
}

TEST_CASE("xhttp_upload: a client that leaves has ended its upload, unless a part is missing",
          "[proxy][xhttp]") {
  for (const bool missing : {false, true}) {
    asio::io_context io;
    const auto up = std::make_shared<xhttp_upload>(30);
    up->begin();
    begin_post(io, up, 0, "one ");
    begin_post(io, up, missing ? 2 : 1, "two");
    up->client_has_gone();
    CHECK(test::run(io, uploaded(*up)) == (missing ? "one !" : "one two|"));
  }
}

TEST_CASE("xhttp_upload: a slow reader holds the bodies up", "[proxy][xhttp]") {
  asio::io_context io;
  const auto up = std::make_shared<xhttp_upload>(30);
  up->begin();
  const std::string large(xhttp_upload::room, 'x');
  for (std::uint64_t n = 0; n < 4; ++n) begin_post(io, up, n, large);
  begin_post(io, up, 4, "");
  CHECK(test::run(io, uploaded(*up)).size() == 4 * large.size() + 1);
}

TEST_CASE("xhttp_upload: bytes of a part that stand in its head come before its body", "[proxy][xhttp]") {
  asio::io_context io;
  const auto up = std::make_shared<xhttp_upload>(30);
  const auto begin = [&](std::uint64_t n, std::string_view head, std::shared_ptr<connection> body) {
    CHECK(up->enter_post(n) == upload_reorder_buffer::entry::waits);
    const auto data = std::as_bytes(std::span(head));
    asio::co_spawn(io, take(up, {n, {data.begin(), data.end()}, std::move(body)}), [](std::exception_ptr) {});
  };
  begin(1, "three ", body_of(io, "four "));
  begin(0, "one ", body_of(io, "two "));
  begin(3, "", nullptr);
  begin(2, "five", nullptr);
  up->begin();
  CHECK(test::run(io, uploaded(*up)) == "one two three four five|");
}

TEST_CASE("xhttp_upload: a part in a head waits for the reader, and ends with it", "[proxy][xhttp]") {
  asio::io_context io;
  const auto up = std::make_shared<xhttp_upload>(30);
  up->begin();
  begin_post(io, up, 0, std::string(xhttp_upload::room, 'x'));
  CHECK(up->enter_post(1) == upload_reorder_buffer::entry::waits);
  bool done = false;
  asio::co_spawn(io, take(up, {1, std::vector<std::byte>(5), nullptr}),
                 [&done](std::exception_ptr) { done = true; });
  io.run_for(std::chrono::milliseconds(50));
  CHECK_FALSE(done);
  up->end(asio::error::operation_aborted);
  io.restart();
  io.run_for(std::chrono::seconds(5));
  CHECK(done);
}

TEST_CASE("xhttp_upload: one stream, and no parts beside it", "[proxy][xhttp]") {
  asio::io_context io;
  const auto up = std::make_shared<xhttp_upload>(30);
  CHECK(up->enter_stream());
  CHECK_FALSE(up->enter_stream());
  CHECK(up->enter_post(0) == upload_reorder_buffer::entry::too_many);
}

TEST_CASE("xhttp_upload: a removed session is over, until it begins again", "[proxy][xhttp]") {
  xhttp_sessions sessions(30);
  REQUIRE(sessions.begin("a"));
  CHECK(sessions.get("a")->enter_post(0) == upload_reorder_buffer::entry::waits);
  sessions.remove("a");
  CHECK(sessions.get("a")->enter_post(0) == upload_reorder_buffer::entry::over);
  CHECK_FALSE(sessions.get("a")->enter_stream());
  REQUIRE(sessions.begin("a"));
  CHECK(sessions.get("a")->enter_post(0) == upload_reorder_buffer::entry::waits);
}

TEST_CASE("xhttp_upload: requests and the reader are on threads of their own", "[proxy][xhttp]") {
  asio::io_context a, b;
  const auto up = std::make_shared<xhttp_upload>(30);
  const std::string text(100'000, 'y');
  for (std::uint64_t n = 0; n < 20; ++n) begin_post(a, up, n, text);
  begin_post(a, up, 20, "");
  std::thread requests([&a] { a.run(); });
  up->begin();
  const std::string heard = test::run(b, uploaded(*up));
  requests.join();
  CHECK(heard.size() == 20 * text.size() + 1);
  CHECK(heard.back() == '|');
}

}  // namespace xhttp_upload_test
