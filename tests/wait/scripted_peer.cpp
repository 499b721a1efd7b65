#include "catch.hpp"
#include "support.hpp"

#include <muxpro/testing/manual_clock.hpp>
#include <muxpro/testing/scripted_peer.hpp>

#include <asio/detached.hpp>

namespace {

using namespace muxpro;
using namespace muxpro::testing;
using namespace std::chrono_literals;
using test::byte_string;

struct script_fixture {
  script_fixture() : clock(context), peer(pipe_end(), version_0_1) {
    auto [x, y] = make_pipe(context.get_executor());
    wire = std::move(x);
    peer = scripted_peer(std::move(y));
  }
  /// The side that is tested writes this.
  void write(std::string_view hex) {
    auto data = std::make_shared<byte_string>(from_hex(hex));
    asio::async_write(wire, asio::buffer(*data), [data](error_code, std::size_t) {});
    poll();
  }
  void poll() {
    context.restart();
    context.poll();
  }
  /// Empty if the script was followed, else its error.
  std::string play(asio::awaitable<void> script) {
    try {
      test::run(context, std::move(script));
    } catch (const script_error& error) {
      return error.what();
    }
    return "";
  }
  /// The same for a script that waits: time passes.
  std::string play_for(asio::awaitable<void> script, duration by) {
    asio::co_spawn(context, std::move(script), [this](std::exception_ptr e) {
      thrown = e;
      ended = true;
    });
    clock.run_for(context, by);
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const script_error& error) {
      return error.what();
    }
    return "";
  }

  asio::io_context context;
  manual_clock clock;
  pipe_end wire;
  scripted_peer peer;
  bool ended = false;
  std::exception_ptr thrown;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a script sends and expects bytes", "[testing_kit]") {
  script_fixture f;
  CHECK(f.play(f.peer.send("0102 03")).empty());
  CHECK(f.wire.available() == 3);
  f.write("0a0b 0c0d");
  CHECK(f.play(f.peer.expect("0a0b")).empty());
  CHECK(test::run(f.context, f.peer.receive(1)) == from_hex("0c"));
  const std::string wrong = f.play(f.peer.expect("0e"));
  CHECK(has(wrong, "expected: 0e\n"));
  CHECK(has(wrong, "got:      0d\n"));
  f.write("0a");
  f.wire.close();
  CHECK(has(f.play(f.peer.expect("0a0b")), "the wire ended"));
}

TEST_CASE("a script sends and expects frames", "[testing_kit]") {
  script_fixture f;
  const frame credit = credit_update{7, 1000};
  const frame data = keep{7, std::uint16_t{3}, false};
  const byte_string payload = from_hex("aabbcc");
  f.write(to_hex(encoded(credit)) + to_hex(encoded(data, payload)) + to_hex(encoded(credit)));
  received_frame first = test::run(f.context, f.peer.expect_frame());
  CHECK(first.header == credit);
  CHECK(first.payload.empty());
  received_frame second = test::run(f.context, f.peer.expect_frame());
  CHECK(second.header == data);
  CHECK(second.payload == payload);
  CHECK(f.play(f.peer.expect(credit)).empty());
  CHECK(f.play(f.peer.send(data, payload)).empty());
  CHECK(f.wire.available() == encoded(data, payload).size());
}

namespace {

asio::awaitable<void> ignoring_result(scripted_peer& peer) { co_await peer.expect_frame(); }

}  // namespace

TEST_CASE("bytes that are not a frame are reported", "[testing_kit]") {
  script_fixture f;
  SECTION("garbage") {
    f.write("0001 ff");
    CHECK(has(f.play(ignoring_result(f.peer)), "bad metadata length: 0001"));
  }
  SECTION("a header that breaks off") {
    f.write("0005 00");
    f.wire.close();
    f.peer.close();
    CHECK(has(f.play(ignoring_result(f.peer)), "no frame: "));
  }
  SECTION("data that breaks off") {
    const auto whole = to_hex(encoded(keep{1, std::uint16_t{2}, false}, from_hex("0102")));
    f.write(std::string_view(whole).substr(0, whole.size() - 2));
    f.wire.async_shutdown(asio::detached);
    CHECK(has(f.play(ignoring_result(f.peer)), "a frame broke off: "));
  }
}

TEST_CASE("a script expects the end of the wire", "[testing_kit]") {
  script_fixture f;
  SECTION("eof") {
    f.wire.async_shutdown(asio::detached);
    CHECK(f.play(f.peer.expect_eof()).empty());
    CHECK(has(f.play(f.peer.expect_reset()), "the wire ended with: "));
  }
  SECTION("reset") {
    f.wire.close();
    CHECK(f.play(f.peer.expect_reset()).empty());
    CHECK(has(f.play(f.peer.expect_eof()), "the wire ended with: "));
  }
  SECTION("a byte") {
    f.write("42");
    CHECK(has(f.play(f.peer.expect_eof()), "but a byte: 42"));
  }
  SECTION("of its own") {
    CHECK(f.play(f.peer.shutdown()).empty());
    byte_string data(1);
    error_code got;
    f.wire.async_read_some(asio::buffer(data), [&](error_code error, std::size_t) { got = error; });
    f.poll();
    CHECK(got == asio::error::eof);
  }
}

TEST_CASE("a script expects silence", "[testing_kit]") {
  script_fixture f;
  CHECK(f.play_for(f.peer.expect_silence(30s), 30s - 1ns).empty());
  CHECK_FALSE(f.ended);
  SECTION("and gets it, and loses nothing") {
    f.clock.run_for(f.context, 1ns);
    CHECK(f.ended);
    f.write("0708");
    CHECK(f.play(f.peer.expect("0708")).empty());
  }
  SECTION("and receives a byte after that") {
    f.clock.run_for(f.context, 1ns);
    f.write("07");
    CHECK(has(f.play_for(f.peer.expect_silence(1s), 1s), "the first byte: 07"));
  }
  SECTION("and sees the wire end after") {
    f.clock.run_for(f.context, 1ns);
    f.wire.close();
    CHECK(has(f.play_for(f.peer.expect_silence(1s), 1s), "no silence, the wire ended: "));
  }
  SECTION("and may be abandoned") {}
}
