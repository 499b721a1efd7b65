// Version negotiation byte for byte, in both roles and both layouts.
#include "session_support.hpp"

namespace {

using namespace io_test;

/// A session whose negotiation is the test's business: its handshake has begun, its peer is a script.
struct handshaking {
  handshaking(asio::io_context& context, role side, session_options options = {})
      : wire(make_pipe(context.get_executor())),
        peer(std::move(wire.first)),
        subject(std::move(wire.second), side, std::move(options)) {
    auto kept = result;
    subject.async_handshake([kept](error_code error) { *kept = error; });
  }

  std::pair<pipe_end, pipe_end> wire;
  scripted_peer peer;
  session subject;
  fate result = std::make_shared<std::optional<error_code>>();
};

constexpr auto request_in_hex = "0005 0000 00 01 04 | 0010 02000000 01000000 00000001 00000000";

session_options speaking(std::vector<version> versions) {
  session_options o;
  o.versions = std::move(versions);
  return o;
}

awaitable<> ask_and_answer(handshaking& h, std::string request, std::string answer) {
  co_await h.peer.expect(request);
  co_await h.peer.expect_silence(1s);
  co_await h.peer.send(answer);
  co_await yield();
}

awaitable<> request_and_expect(handshaking& h, std::string request, std::string answer) {
  co_await h.peer.expect_silence(1s);
  co_await h.peer.send(request);
  co_await h.peer.expect(answer);
  co_await h.peer.expect_silence(8s);
}

awaitable<> request_and_lose(handshaking& h, std::string request) {
  co_await h.peer.send(request);
  co_await h.peer.expect_reset();
}

awaitable<> byte_by_byte(handshaking& h, std::string hex) {
  for (const std::byte b : muxpro::testing::from_hex(hex)) {
    co_await h.peer.send_bytes(byte_string(1, b));
    co_await sleep_for(10ms);
  }
}

void check_client(std::vector<version> versions, const std::string& request, const std::string& answer,
                  std::optional<version> agreed, error_code expected = {}) {
  INFO(request << " -> " << answer);
  asio::io_context context;
  manual_clock clock(context);
  handshaking h(context, role::client, speaking(std::move(versions)));
  run(clock, context, ask_and_answer(h, request, answer));
  settle(clock, context);
  REQUIRE(h.result->has_value());
  CHECK(**h.result == expected);
  CHECK(h.subject.negotiated() == agreed);
}

void check_server(std::vector<version> versions, const std::string& request, const std::string& answer,
                  version agreed) {
  INFO(request << " -> " << answer);
  asio::io_context context;
  manual_clock clock(context);
  handshaking h(context, role::server, speaking(std::move(versions)));
  run(clock, context, request_and_expect(h, request, answer));
  REQUIRE(h.result->has_value());
  CHECK(**h.result == error_code());
  CHECK(h.subject.negotiated() == agreed);
}

void check_refused(const std::string& request, errc expected) {
  INFO(request);
  asio::io_context context;
  manual_clock clock(context);
  handshaking h(context, role::server);
  run(clock, context, request_and_lose(h, request));
  settle(clock, context);
  REQUIRE(h.result->has_value());
  CHECK(**h.result == expected);
  CHECK_FALSE(h.subject.negotiated());
}

const std::vector<version> usual{version_0_1, version_0_0};

}  // namespace

TEST_CASE("a client sends the request that both layouts accept, and waits", "[session][negotiation]") {
  check_client(usual, request_in_hex, "0005 0000 00 01 01 | 0004 00000001", version_0_1);
  check_client(usual, request_in_hex, "0005 0000 00 01 01 | 0004 00000000", version_0_0);
  check_client(usual, request_in_hex, "0004 0000 00 01 | 0005 01 00000001", version_0_1);
  check_client(usual, request_in_hex, "0004 0000 00 01 | 0005 01 00000000", version_0_0);
}

TEST_CASE("a client with a list of its own sends it in layout S", "[session][negotiation]") {
  check_client({version_0_0}, "0005 0000 00 01 01 | 0004 00000000", "0005 0000 00 01 01 | 0004 00000000",
               version_0_0);
  check_client({version_0_1}, "0005 0000 00 01 01 | 0004 00000001", "0005 0000 00 01 01 | 0004 00000001",
               version_0_1);
}

TEST_CASE("a client refuses a version that it did not offer", "[session][negotiation]") {
  const error_code none = errc::no_common_version;
  check_client(usual, request_in_hex, "0005 0000 00 01 01 | 0004 01000000", {}, none);
  check_client(usual, request_in_hex, "0005 0000 00 01 01 | 0004 00000002", {}, none);
  check_client(usual, request_in_hex, "0005 0000 00 01 02 | 0008 00000001 00000000", {}, none);
  check_client(usual, request_in_hex, "0005 0000 00 01 00 | 0000", {}, none);
  check_client({version_0_0}, "0005 0000 00 01 01 | 0004 00000000", "0005 0000 00 01 01 | 0004 00000001", {},
               none);
}

TEST_CASE("a client reports a peer that is no Mux.Pro peer", "[session][negotiation]") {
  const error_code stranger = errc::not_muxpro;
  check_client(usual, request_in_hex, "4854 5450 2f31 2e31 2034 3030", {}, stranger);
  check_client(usual, request_in_hex, "0004 1234 04 00", {}, stranger);
  check_client(usual, request_in_hex, "0005 0000 00 00 01", {}, stranger);
  check_client(usual, request_in_hex, "0005 0001 00 01 01 | 0004 00000001", {}, stranger);
}

TEST_CASE("a server answers in the layout of the request and stays silent", "[session][negotiation]") {
  check_server(usual, "0005 0000 00 01 01 | 0004 00000000", "0005 0000 00 01 01 | 0004 00000000",
               version_0_0);
  check_server(usual, "0004 0000 00 01 | 0005 01 00000001", "0004 0000 00 01 | 0005 01 00000001",
               version_0_1);
  check_server(usual, request_in_hex, "0005 0000 00 01 01 | 0004 00000001", version_0_1);
  check_server(usual, "0006 0000 00 01 01 aa | 0004 00000000", "0005 0000 00 01 01 | 0004 00000000",
               version_0_0);
}

TEST_CASE("a server picks the numerically highest common version", "[session][negotiation]") {
  const std::string best = "0005 0000 00 01 01 | 0004 00000001";
  check_server(usual, "0005 0000 00 01 02 | 0008 00000000 00000001", best, version_0_1);
  check_server(usual, "0005 0000 00 01 03 | 000c 00010000 00000001 00000000", best, version_0_1);
  check_server({version_0_0}, "0005 0000 00 01 02 | 0008 00000001 00000000",
               "0005 0000 00 01 01 | 0004 00000000", version_0_0);
}

TEST_CASE("a server closes without a byte if there is no common version", "[session][negotiation]") {
  check_refused("0005 0000 00 01 01 | 0004 00010000", errc::no_common_version);
  check_refused("0005 0000 00 01 00 | 0000", errc::no_common_version);
}

TEST_CASE("a server closes without a byte on what is no negotiation", "[session][negotiation]") {
  check_refused("0005 0000 00 01 02 | 0004 00000000", errc::not_muxpro);
  check_refused("0004 0000 00 01 | 0005 02 00000001", errc::not_muxpro);
  check_refused("000d 0001 01 00 01 00 1b5f 01 7f000001", errc::not_muxpro);
  check_refused("474554202f20485454502f312e310d0a", errc::not_muxpro);
  check_refused("0004 0001 05 01 | 0004 00000001", errc::not_muxpro);
}

TEST_CASE("a negotiation may come byte by byte", "[session][negotiation]") {
  asio::io_context context;
  manual_clock clock(context);
  handshaking h(context, role::server);
  run(clock, context, byte_by_byte(h, "0005 0000 00 01 01 | 0004 00000001"));
  run(clock, context, h.peer.expect("0005 0000 00 01 01 | 0004 00000001"));
  settle(clock, context);
  CHECK(h.subject.negotiated() == version_0_1);
}

TEST_CASE("a negotiation that the wire cuts off is a lost connection", "[session][negotiation]") {
  asio::io_context context;
  manual_clock clock(context);
  handshaking h(context, role::server);
  run(clock, context, h.peer.send("0005 0000 00"));
  run(clock, context, h.peer.shutdown());
  settle(clock, context);
  REQUIRE(h.result->has_value());
  CHECK(**h.result == errc::connection_lost);
}

TEST_CASE("frames pipelined behind the request are taken, and count as odd", "[session][negotiation]") {
  asio::io_context context;
  manual_clock clock(context);
  scripted_session s(context, role::server);
  run(clock, context,
      s.peer.send("0005 0000 00 01 01 | 0004 00000000  000d 0001 01 01 01 00 1b5f 01 7f000001 | 0002 6869"));
  run(clock, context, s.peer.expect("0005 0000 00 01 01 | 0004 00000000"));
  auto accepted = std::make_shared<sub_stream>();
  s.subject.async_accept([accepted](error_code, sub_stream stream) { *accepted = std::move(stream); });
  settle(clock, context);
  REQUIRE(accepted->is_open());
  CHECK(to_string(accepted->target()) == "tcp:127.0.0.1:7007");
  CHECK(s.subject.stats().glitches == 1);
}

TEST_CASE("a second negotiation closes the session", "[session][negotiation]") {
  for (const role side : {role::client, role::server}) {
    asio::io_context context;
    manual_clock clock(context);
    scripted_session s(context, side);
    run(clock, context, s.agree());
    run(clock, context, s.peer.send("0005 0000 00 01 01 | 0004 00000001"));
    run(clock, context, s.peer.expect_reset());
    settle(clock, context);
    REQUIRE(s.fate->has_value());
    CHECK(**s.fate == errc::unexpected_frame);
  }
}
