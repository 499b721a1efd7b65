// Peers of dialect G, the protocol of the published Go code. They are played from recordings, byte for byte,
// and beyond them. They lose their place after an End with a code, and take an End for the end of both
// directions.
#include "conformance.hpp"

using namespace io_test;

namespace {

constexpr const char* hello_go_0_0 = "0004 0000 0001 0005 01 00000000";
constexpr const char* twenty = "197c4a7fb979379e3 2f894fe72f36e3c4b74df7d";

std::string hex(std::initializer_list<std::string> parts) { return to_hex(joined(parts)); }

/// One line of a recording.
struct line {
  bool from_client;
  std::string bytes;
};

/// A server under test behind a recorded client. It must send the bytes of the Go server. Port 7001
/// echoes.
void replay_client(std::initializer_list<line> recording) {
  subject x(role::server);
  for (const line& l : recording) {
    CAPTURE(l.bytes);
    if (l.from_client) {
      byte_string bytes = from_hex(l.bytes);
      x.peer->write(bytes);
    } else {
      CHECK(x.peer->take_hex() == hex({l.bytes}));
    }
  }
  CHECK(x.peer->take_hex() == "");
  CHECK(x.alive());
}

constexpr bool from_client = true, from_server = false;

/// A server under test and a peer of dialect G.
struct go_client : subject {
  explicit go_client(session_options options = {}) : subject(role::server, options) { negotiate(hello_go); }
};

/// A client under test, a peer of dialect G, and one sub-stream.
struct go_server : subject {
  explicit go_server(open_request request = to_tcp(), session_options options = {})
      : subject(role::client, options) {
    negotiate(hello_go);
    outcome o;
    s.async_open(std::move(request), into(o));
    run_ready(context);
    REQUIRE(o.is({}));
    stream = std::move(o.stream);
    new_frame = peer->take_hex();
  }
  ~go_server() { s.close(); }

  outcome read(std::size_t n = 100) {
    outcome o;
    room.resize(n);
    stream.async_read_some(asio::buffer(room), into(o));
    run_ready(context);
    room.resize(o.n);
    return o;
  }
  error_code shut_down() {
    outcome o;
    stream.async_shutdown(into(o));
    run_ready(context);
    REQUIRE(o.calls == 1);
    return o.error;
  }

  sub_stream stream;
  std::string new_frame;
  byte_string room;
};

const std::string bare_end = hex({"0004 0001 03 00"});

}  // namespace

TEST_CASE("recorded Go clients get what the Go server gave them", "[session][dialect]") {
  // 00-echo-ipv4, 01-echo-ipv4-new-with-data, 01-echo-ipv4-new-without-data, 01-domain; the target's port is
  // that of the echo of this test.
  const std::string data = twenty;
  for (const char* hello : {hello_go_0_0, hello_go}) {
    replay_client({{from_client, hello},
                   {from_server, hello},
                   {from_client, "000d 0001 01 01 01 00 1b5f 01 7f000001 0014" + data},
                   {from_server, "0004 0001 02 01 0014" + data},
                   {from_client, "0004 0001 03 00"},
                   {from_server, "0004 0001 03 00"}});
  }
  replay_client({{from_client, hello_go},
                 {from_server, hello_go},
                 {from_client, "000d 0001 01 00 01 00 1b5f 01 7f000001"},
                 {from_client, "0004 0001 02 01 0014" + data},
                 {from_server, "0004 0001 02 01 0014" + data},
                 {from_client, "0004 0001 03 00"},
                 {from_server, "0004 0001 03 00"}});
  replay_client({{from_client, hello_go},
                 {from_server, hello_go},
                 {from_client, "0013 0001 01 01 01 00 1b5f 02 09 6c6f63616c686f7374 0005 197c4a7fb9"},
                 {from_server, "0004 0001 02 01 0005 197c4a7fb9"},
                 {from_client, "0004 0001 03 00"},
                 {from_server, "0004 0001 03 00"}});
}

TEST_CASE("a recorded negotiation in ascending order", "[session][dialect]") {
  // 01-probe-nego-order
  replay_client({{from_client, "0004 0000 00 01 0009 02 00000000 00000001"},
                 {from_server, "0004 0000 00 01 0005 01 00000001"},
                 {from_client, "000d 0384 01 01 01 00 1b5f 01 7f000001 0006 616c6976653f"},
                 {from_server, "0004 0384 02 01 0006 616c6976653f"}});
}

TEST_CASE("a recorded abort, sent twice, is answered with a bare End, once", "[session][dialect]") {
  // 00-client-abort, 01-client-abort, 01-probe-end-d-nopad
  const std::string data = twenty;
  replay_client({{from_client, hello_go},
                 {from_server, hello_go},
                 {from_client, "000d 0001 01 01 01 00 1b5f 01 7f000001 0014" + data},
                 {from_server, "0004 0001 02 01 0014" + data},
                 {from_client, "0006 0001 03 01 0003"},
                 {from_client, "0006 0001 03 01 0003"},
                 {from_server, "0004 0001 03 00"},
                 {from_client, "000d 0384 01 01 01 00 1b5f 01 7f000001 0006 616c6976653f"},
                 {from_server, "0004 0384 02 01 0006 616c6976653f"}});
}

TEST_CASE("an End is never padded: two zero bytes behind it break the framing", "[session][dialect]") {
  // 01-probe-end-d-pad
  go_client x;
  x.peer->write("000d 0001 01 01 01 00 1b5f 01 7f000001 0003 6f6e65");
  x.peer->write("0006 0001 03 01 0003 0000");
  CHECK(x.peer->ended());
  REQUIRE(*x.fate);
  CHECK(**x.fate == errc::bad_metadata_length);
}

TEST_CASE("the Go code's empty data frames are tolerated", "[session][dialect]") {
  // 01-asis-echo-4096
  go_client x;
  x.peer->write("000d 0001 01 01 01 00 1b5f 01 7f000001 0000");
  for (int i = 0; i < 100; ++i) x.peer->write("0004 0001 02 01 0000");
  CHECK(x.peer->take_hex() == "");
  CHECK(x.alive());
  CHECK(x.s.stats().glitches == 0);
  x.peer->write("0004 0001 02 01 0001 78");
  CHECK(summary(x.peer->take()) == "1 \"x\"");
}

TEST_CASE("credit to a Go peer is exact", "[session][dialect]") {
  // 01-probe-newdata-credit: 40000 bytes in New, 25536 in a Keep; they fill the window, and all are given
  // back.
  session_options options;
  options.max_window = 65536;
  go_client x(options);
  byte_string input = from_hex("000d 0001 01 01 01 00 1b5b 01 7f000001 9c40");  // a port that is not read
  input[9] = std::byte{0x66};                                                   // 7014 reads
  input.insert(input.end(), 40'000, std::byte{0});
  x.peer->write(input);
  byte_string more = from_hex("0004 0001 02 01 63c0");
  more.insert(more.end(), 25'536, std::byte{0});
  x.peer->write(more);
  CHECK(x.alive());
  CHECK(summary(x.peer->take()) == "1 credit 33000");  // half a window, in thousands
}

TEST_CASE("a Go peer may grant more than it should", "[session][dialect]") {
  go_client x;
  x.peer->write("000d 0001 01 00 01 00 1b60 01 7f000001");
  for (int i = 0; i < 100; ++i) x.peer->write("0004 0001 05 01 0004 00010000");
  CHECK(x.app.held.front().stats().send_credit == 101 * 65536);
  CHECK(x.alive());
}

TEST_CASE("toward a Go peer every End is bare", "[session][dialect]") {
  SECTION("refused by the application") {
    go_client x;
    x.peer->write("000d 0001 01 00 01 00 0001 01 7f000001");
    CHECK(x.peer->take_hex() == bare_end);
  }
  SECTION("refused by the protocol") {
    go_client x;
    x.peer->write("000d 0001 01 00 03 00 1b5f 01 7f000001");
    CHECK(x.peer->take_hex() == bare_end);
  }
  SECTION("more data than credit") {
    go_client x;
    byte_string input = from_hex("000d 0001 01 01 01 00 1b60 01 7f000001 ffff");
    input.insert(input.end(), 65535, std::byte{0});
    x.peer->write(input);
    x.peer->write("0004 0001 02 01 0002 0000");
    CHECK(x.peer->take_hex() == bare_end);
  }
  SECTION("a Keep for an id that was not opened") {
    go_client x;
    x.peer->write("0004 0001 02 01 0001 78");
    CHECK(x.peer->take_hex() == bare_end);
  }
  SECTION("reset by the client") {
    go_server x;
    x.stream.reset(end_code::protocol_error);
    run_ready(x.context);
    CHECK(x.peer->take_hex() == bare_end);
  }
  SECTION("destroyed") {
    go_server x;
    x.stream = sub_stream();
    run_ready(x.context);
    CHECK(x.peer->take_hex() == bare_end);
  }
  SECTION("idle for too long") {
    session_options options;
    options.session_idle = 1h;
    go_server x(to_tcp(), options);
    x.clock.run_for(x.context, 301s);
    CHECK(summary(x.peer->take()) == "1 end");
  }
}

TEST_CASE("a half-close waits for the Go peer's End, and reading goes on", "[session][dialect]") {
  go_server x;
  CHECK(!x.shut_down());
  CHECK(x.peer->take_hex() == "");
  x.peer->write("0004 0001 02 01 0002 6869");
  CHECK(x.read().n == 2);
  outcome written;
  x.stream.async_write_some(asio::buffer("x", 1), into(written));
  run_ready(x.context);
  CHECK(written.is(errc::already_shut_down));
  CHECK(x.peer->take_hex() == "");
  x.peer->write("0004 0001 03 00");
  CHECK(x.peer->take_hex() == bare_end);
  CHECK(x.read().is(asio::error::eof));
  CHECK(x.s.stats().streams == 0);
}

TEST_CASE("a half-close after the Go peer's End goes out at once", "[session][dialect]") {
  go_server x;
  x.peer->write("0004 0001 02 01 0002 6869 0004 0001 03 00");
  CHECK(x.peer->take_hex() == "");
  CHECK(!x.shut_down());
  CHECK(x.peer->take_hex() == bare_end);
  CHECK(x.read().n == 2);
  CHECK(x.read().is(asio::error::eof));
}

TEST_CASE("a held half-close goes out when the linger time is over, once", "[session][dialect]") {
  session_options options;
  options.half_close_linger = 20s;
  options.keep_alive_interval = 0s;
  go_server x(to_tcp(), options);
  x.clock.run_for(x.context, 5s);
  CHECK(!x.shut_down());
  x.clock.run_for(x.context, 14s);
  CHECK(x.peer->take_hex() == "");
  x.clock.run_for(x.context, 7s);
  CHECK(x.peer->take_hex() == bare_end);
  // The peer answers now. Its data still arrive, and its End is not answered again.
  x.peer->write("0004 0001 02 01 0002 6869 0004 0001 03 00");
  CHECK(x.read().n == 2);
  CHECK(x.read().is(asio::error::eof));
  CHECK(x.peer->take_hex() == "");
  CHECK(x.alive());
}

TEST_CASE("a held half-close gives way to an abort", "[session][dialect]") {
  SECTION("reset") {
    go_server x;
    CHECK(!x.shut_down());
    x.stream.reset(end_code::timeout);
    run_ready(x.context);
    CHECK(x.peer->take_hex() == bare_end);
    x.peer->write("0004 0001 03 00");
    CHECK(x.peer->take_hex() == "");
  }
  SECTION("destroyed") {
    go_server x;
    CHECK(!x.shut_down());
    x.stream = sub_stream();
    run_ready(x.context);
    CHECK(x.peer->take_hex() == bare_end);
  }
  SECTION("closed") {
    go_server x;
    CHECK(!x.shut_down());
    x.stream.close();
    x.stream = sub_stream();
    run_ready(x.context);
    CHECK(x.peer->take_hex() == bare_end);
  }
  SECTION("by the peer") {
    go_server x;
    CHECK(!x.shut_down());
    x.peer->write("0006 0001 03 01 0003");
    CHECK(x.peer->take_hex() == bare_end);
    CHECK(x.read().is(end_code::protocol_error));
  }
}

TEST_CASE("credit goes on while a half-close is held", "[session][dialect]") {
  go_server x;
  CHECK(!x.shut_down());
  byte_string data = from_hex("0004 0001 02 01 8000");
  data.insert(data.end(), 32768, std::byte{7});
  x.peer->write(data);
  CHECK(x.read(32768).n == 32768);
  CHECK(x.peer->take_hex() == hex({"0004 0001 05 01 0004 00008000"}));
}

TEST_CASE("a client under test sends New as the Go client does", "[session][dialect]") {
  // 01-echo-ipv4-new-with-data
  open_request request(destination(network::tcp, "127.0.0.1", 7001));
  request.first_data = from_hex(twenty);
  go_server x(std::move(request));
  CHECK(x.new_frame == hex({"000d 0001 01 01 01 00 1b59 01 7f000001 0014", twenty}));
  x.peer->write(joined({"0004 0001 02 01 0014", twenty}));
  CHECK(x.read().n == 20);
  CHECK(x.room == from_hex(twenty));
}

TEST_CASE("datagrams of a Go client", "[session][dialect][datagram]") {
  // 01-probe-udp-keep-writerfmt
  go_client x;
  outcome accepted;
  x.s.async_accept(into(accepted));
  x.peer->write("000d 0001 01 00 01 00 1b60 01 7f000001");  // the application's own accept takes this one
  x.peer->write("000d 0003 01 01 02 00 1b59 01 7f000001 0005 6669727374");
  REQUIRE(accepted.is({}));
  sub_datagram d(std::move(accepted.stream));
  byte_string room(100);
  host_port from;
  outcome first, second, sent;
  d.async_receive_from(asio::buffer(room), from, into(first));
  run_ready(x.context);
  CHECK(first.n == 5);
  CHECK(from == host_port{"127.0.0.1", 7001});
  d.async_send_to(asio::buffer("first", 5), host_port{"127.0.0.1", 0x8928}, into(sent));
  run_ready(x.context);
  CHECK(x.peer->take_hex() == hex({"0004 0003 02 03 000d 02 8928 01 7f000001 6669727374"}));
  x.peer->write("0004 0003 02 03 000f 02 1b59 01 7f000001 646772616d2d62");
  d.async_receive_from(asio::buffer(room), from, into(second));
  run_ready(x.context);
  CHECK(to_text(const_bytes(room).first(second.n)) == "dgram-b");
}

TEST_CASE("recorded datagrams of a Go client of version 0.0 have no addresses",
          "[session][dialect][datagram]") {
  // 00-udp-echo
  subject x(role::server);
  x.negotiate(hello_go_0_0);
  outcome accepted;
  x.s.async_accept(into(accepted));
  x.peer->write("000d 0003 01 00 01 00 1b60 01 7f000001");  // the application's own accept takes this one
  const std::string number_0 = "00000000", rest = "197c4a7fb979379e32f894fe72f36e3c";
  x.peer->write(joined({"000d 0001 01 01 02 00 1b59 01 7f000001 0014", number_0, rest}));
  REQUIRE(accepted.is({}));
  sub_datagram d(std::move(accepted.stream));
  byte_string room(100);
  for (const std::string number : {"00000000", "00000001", "00000002"}) {
    const std::string keep = to_hex(joined({"0004 0001 02 01 0014", number, rest}));
    if (number != number_0) x.peer->write(from_hex(keep));
    outcome received, sent;
    host_port from;
    d.async_receive_from(asio::buffer(room), from, into(received));
    run_ready(x.context);
    REQUIRE(received.is({}));
    CHECK((byte_string(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(received.n)) ==
           joined({number, rest})));
    d.async_send(asio::buffer(room.data(), received.n), into(sent));
    run_ready(x.context);
    CHECK(x.peer->take_hex() == keep);
  }
  x.peer->write("0004 0001 03 00");
  CHECK(x.alive());
}

TEST_CASE("a Go server repeats the GlobalID in its datagrams, and the client strips it",
          "[session][dialect][datagram]") {
  // 01-probe-udp-new-gid
  open_request request(destination(network::udp, "127.0.0.1", 7001));
  request.source = global_id{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
  const std::string data = "646772616d31";
  request.first_data = from_hex(data);
  go_server x(std::move(request));
  CHECK(x.new_frame == hex({"0015 0001 01 01 02 00 1b59 01 7f000001 1122334455667788 0006", data}));
  x.peer->write("0004 0001 02 03 0016 02 8910 01 7f000001 1122334455667788 646772616d31");
  sub_datagram d(std::move(x.stream));
  byte_string room(100);
  host_port from;
  outcome o;
  d.async_receive_from(asio::buffer(room), from, into(o));
  run_ready(x.context);
  CHECK(o.is({}));
  CHECK(from == host_port{"127.0.0.1", 0x8910});
  CHECK(to_text(const_bytes(room).first(o.n)) == "dgram1");
}
