// Ends in unusual cases: held back and overtaken by the End of the peer, with unassigned codes. Names that
// are too long.
#include "catch.hpp"
#include "endpoint.hpp"

using namespace rules_test;

namespace {

/// A sub-stream of dialect G whose End(0) is held back.
struct half_closed {
  half_closed() : rules(role::client, options, queue) {
    rules.agreed(dialect::go);
    rules.insert(stream);
    rules.finish(stream);
  }
  std::size_t ends() const { return queue.pushed()[frame(muxpro::end{}).index()]; }

  session_options options;
  write_queue queue;
  protocol rules;
  sub_rules stream{1, network::tcp, 0, start};
};

}  // namespace

TEST_CASE("protocol: an End that is held back goes out once, whatever ends the sub-stream",
          "[rules][protocol]") {
  half_closed h;
  REQUIRE(h.stream.end_held);
  REQUIRE(h.ends() == 0);
  SECTION("the peer's code") {
    const auto e = h.rules.receive(muxpro::end{1, end_code::remote_disconnect}, start);
    CHECK(e.what == protocol::event_type::aborted);
  }
  SECTION("the peer's End") {
    const auto e = h.rules.receive(muxpro::end{1}, start);
    CHECK(e.what == protocol::event_type::ended);
  }
  SECTION("this side's code") { h.rules.abort(h.stream, end_code::timeout); }
  SECTION("the end of the wait") { h.rules.send_held_end(h.stream); }
  CHECK(h.ends() == 1);
  CHECK_FALSE(h.stream.end_held);
  h.rules.send_held_end(h.stream);
  h.rules.finish(h.stream);
  CHECK(h.ends() == 1);
}

TEST_CASE("protocol: Ends are counted by code, all codes without a name together", "[rules][protocol]") {
  endpoint e(role::client);
  for (int i = 0; i < 9; ++i) e.run("open");
  for (const char* step : {"end 1 6", "end 2 7", "end 3 8", "end 4 9", "end 5 65535", "end 6 1", "end 7"})
    e.run(step);
  e.run("abort 8 2");
  session_stats seen;
  e.rules.report(seen);
  const std::map<end_code, std::uint64_t> received{{end_code::graceful, 1},
                                                   {end_code::remote_disconnect, 1},
                                                   {static_cast<end_code>(6), 1},
                                                   {static_cast<end_code>(7), 4}};
  CHECK(seen.ends_received == received);
  CHECK(seen.ends_sent.at(end_code::timeout) == 1);
}

TEST_CASE("a New with a name that is too long is cut, and so is its length", "[codec][bounds]") {
  for (const std::size_t size : {254u, 255u, 256u, 300u, 1000u}) {
    INFO(size);
    new_stream f;
    f.id = 1;
    f.target = destination(network::tcp, std::string(size, 'a'), 443);
    std::array<std::byte, decoder::header_capacity> out{};
    const std::size_t n = encode(f, bytes(out));
    const std::size_t metadata =
        std::to_integer<std::size_t>(out[0]) << 8 | std::to_integer<std::size_t>(out[1]);
    CHECK(n == 2 + metadata);
    CHECK(metadata == 4 + 2 + 3 + 1 + std::min<std::size_t>(size, 255));
  }
}
