// The conformance cases of frames after the negotiation: NEW, KEEP, END, KA, CRU, UNK, LEN and IDL, as far as
// they are a session's business. Those of role B also run with a client under test.
#include "conformance.hpp"

using namespace io_test;

namespace {

void at_server(std::initializer_list<frame_case> cases) {
  for (const auto& c : cases) check_at_server(c, from_hex(c.input));
}

void at_both(std::initializer_list<frame_case> cases) {
  at_server(cases);
  for (const auto& c : cases) check_at_client(c);
}

byte_string repeated(const char* head, char filler, std::size_t n) {
  byte_string all = from_hex(head);
  all.insert(all.end(), n, static_cast<std::byte>(filler));
  return all;
}

byte_string operator+(byte_string a, const byte_string& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// A server under test that has read `input`.
struct server_after : subject {
  explicit server_after(std::string_view input, session_options options = {})
      : subject(role::server, options) {
    negotiate();
    peer->write(input);
  }
  std::string answer() { return summary(peer->take()); }
};

}  // namespace

TEST_CASE("conformance NEW: sub-streams that open", "[session][conformance]") {
  at_server({
      {"NEW-01", "000d0001010001001b5f017f000001", ""},
      {"NEW-02", "000d0001010101001b5f017f000001000568656c6c6f", "1 \"hello\""},
      {"NEW-03", "00130001010101001b5f02096c6f63616c686f7374000568656c6c6f", "1 \"hello\""},
      {"NEW-09", "00130001010101001b5f02093132372e302e302e31000568656c6c6f", "1 \"hello\""},
      {"NEW-10", "000f0001010101001b5f02055b3a3a315d000568656c6c6f", "1 \"hello\""},
      {"NEW-11", "00140001010101001b5f020a6c6f63616c686f73742e000568656c6c6f", "1 \"hello\""},
      {"NEW-21", "00110001010101001b5f017f000001deadbeef000568656c6c6f", "1 \"hello\""},
      {"NEW-42", "000d0001010101001b63017f0000010003616263000400010300", "1 \"3\" end"},
      {"LEN-05", "02000001010001001b5f017f000001" + std::string(998, '0'), ""},
      {"IDL-02", "000d0384010001001b5f017f000001000d0003010001001b5f017f000001000dfde8010001001b5f017f000001",
       ""},
  });
}

TEST_CASE("conformance NEW: a wrong meaning ends the sub-stream", "[session][conformance]") {
  at_server({
      {"NEW-05", "000a0001010001001b5f0200", "1 end 3"},
      {"NEW-07", "00140001010001001b5f020a6c6f63616c00686f7374", "1 end 3"},
      {"NEW-14", "000d0001010000001b5f017f000001", "1 end 3"},
      {"NEW-15", "000d0001010103001b5f017f000001000568656c6c6f", "1 end 3"},
      {"NEW-17", "000d0001010001001b5f0000000000", "1 end 3"},
      {"NEW-28", "000d0001010001000001017f000001", "1 end 5"},
      {"NEW-29", "000d000101000100000901c0000201", "1 end 2"},
      {"NEW-30", "00140001010001001b5f020a6e782e696e76616c6964", "1 end 5"},
      {"NEW-31", "00160001010001001b5f020c626c6f636b65642e74657374", "1 end 6"},
      {"NEW-32",
       "000d0001010101001b5f017f000001000568656c6c6f000d0002010001000001017f0000010004000102010005616761696e",
       "1 \"helloagain\"; 2 end 5"},
  });
}

TEST_CASE("conformance NEW: a broken structure closes the session", "[session][conformance]") {
  at_server({
      {"NEW-18", "00050001010001", "SESSION"},
      {"NEW-19", "000c0001010001001b5f017f0000", "SESSION"},
      {"NEW-20", "000d0001010001001b5f0220616263", "SESSION"},
      {"NEW-22", "000d0000010001001b5f017f000001", "SESSION"},
      {"NEW-23", "000d0001010101001b5f017f000001000568656c6c6f000d0001010001001b60017f000001", "SESSION"},
      {"IDL-04", "000d0001010001001b61017f0000010004000103000 00d0001010001001b5f017f000001", "SESSION"},
  });
}

TEST_CASE("conformance NEW: a server opens no sub-stream", "[session][conformance]") {
  check_at_client({"A10", "000d0001010001001b5f017f000001 000d0003010001001b5f017f000001", "SESSION"});
}

TEST_CASE("conformance NEW-27, KEEP-10: the largest frames", "[session][conformance]") {
  const byte_string in_new = repeated("000d0001010101001b5f017f000001ffff", 'z', 65535);
  const byte_string in_keep =
      from_hex("000d0001010001001b5f017f000001") + repeated("0004 0001 02 01 ffff", 'k', 65535);
  for (const byte_string& input : {in_new, in_keep}) {
    for (const delivery how : all_deliveries) {
      subject x(role::server);
      x.negotiate();
      deliver(x, input, probe_of_server, how);
      const std::string got = summary(x.peer->take());
      CHECK(got.starts_with("1 65535 bytes credit 3"));
      CHECK(got.ends_with("; 32766 \"ping\""));
    }
  }
}

TEST_CASE("conformance NEW-27: one byte of the window is left before anything is read",
          "[session][conformance]") {
  const byte_string in_new = repeated("000d0001010101001b60017f000001ffff", 'z', 65535);
  check_at_server({"one more", "", ""}, in_new + from_hex("0004 0001 02 01 0001 7a"));
  check_at_server({"two more", "", "1 end 3"}, in_new + from_hex("0004 0001 02 01 0002 7a7a"));
}

TEST_CASE("conformance NEW-43: all priorities, LEN-15: many frames at once", "[session][conformance]") {
  byte_string all, many;
  for (unsigned i = 0; i < 256; ++i) {
    new_stream f;
    f.id = static_cast<stream_id>(i + 1);
    f.priority = static_cast<std::uint8_t>(i);
    f.target = destination(network::tcp, "127.0.0.1", 7007);
    all = all + encoded(f);
    f.priority = 0;
    if (i < 63) many = many + encoded(f);
  }
  check_at_server({"NEW-43", "", ""}, all);
  check_at_server({"LEN-15", "", ""}, many);
  subject x(role::server);
  x.negotiate();
  x.peer->write(all);
  CHECK(x.s.stats().streams == 256);
}

TEST_CASE("conformance KEEP", "[session][conformance]") {
  at_server({
      {"KEEP-01", "000d0001010001001b5f017f00000100040001020100026162", "1 \"ab\""},
      {"KEEP-02", "000d0001010001001b5f017f000001000400010200", ""},
      {"KEEP-03", "000d0001010001001b5f017f0000010004000102010000", ""},
      {"KEEP-04", "000400050201000178", "5 end 3"},
      {"KEEP-05",
       "000400050201000178000400050201000178000400050201000178000400050201000178000400050201000178"
       "000400050201000178000400050201000178000400050201000178000400050201000178000400050201000178",
       "5 end 3"},
      {"KEEP-06", "000400000201000178", "SESSION"},
      {"KEEP-09", "000d0001010001001b5f017f000001000600010201000000026162", "1 \"ab\""},
      {"KEEP-13", "000d0001010001001b5f017f000001000400010203000178", "1 end 3"},
  });
}

TEST_CASE("conformance KEEP-11: the last of three frames is cut", "[session][conformance]") {
  server_after x("000d0001010001001b5f017f00000100040001020100026161000400010201000262620004000102 0100");
  CHECK(x.answer() == "1 \"aabb\"");
  x.peer->write("02 6363");
  CHECK(x.answer() == "1 \"cc\"");
}

TEST_CASE("conformance END", "[session][conformance]") {
  const std::string open = "000d0001010001001b5f017f000001";
  at_server({
      {"END-01", open + "000400010300", "1 end"},
      {"END-03", open + "0006000103010001", "1 end"},
      {"END-04", open + "0006000103010002", "1 end"},
      {"END-05", open + "0006000103010003", "1 end"},
      {"END-06", open + "0006000103010004", "1 end"},
      {"END-07", open + "0006000103010005", "1 end"},
      {"END-09", open + "000600010301ffff", "1 end"},
      {"END-10", open + "000400010301", "SESSION"},
      {"END-11", open + "00050001030100", "SESSION"},
      {"END-12", open + "0006000103000003", "1 end"},
      {"END-14, for an id never opened", "000400050300", ""},
      {"END-15", "000400000300", "SESSION"},
      {"END-17", "000d0001010001001b64017f000001000400010300", "1 \"bye\" end"},
      {"twice", open + "000400010300000400010300", "1 end"},
      {"END-18", "000d0001010101001b66017f0000010003616263000400010300", "1 \"3\" end"},
  });
}

TEST_CASE("conformance END-18: a graceful End keeps what was sent before it", "[session][conformance]") {
  const byte_string input =
      repeated("000d0001010101001b66017f000001fde8", 's', 65000) + from_hex("000400010300");
  subject x(role::server);
  x.negotiate();
  deliver(x, input, probe_of_server, delivery::with_probe);
  check_reaction(x, "1 \"65000\" end", "32766 \"ping\"");
}

TEST_CASE("conformance END-19: an error End drops what is buffered", "[session][conformance]") {
  subject x(role::server);
  x.negotiate();
  x.peer->write(repeated("000d0001010101001b60017f000001fde8", 's', 65000));
  CHECK(x.s.stats().unread == 65000);
  x.peer->write("0006 0001 03 01 0003");
  CHECK(x.s.stats().unread == 0);
  CHECK(x.s.stats().streams == 0);
  CHECK(summary(x.peer->take()) == "1 end");
  byte_string rest(10);
  outcome o;
  x.app.held.front().async_read_some(asio::buffer(rest), into(o));
  run_ready(x.context);
  CHECK(o.is(end_code::protocol_error));
}

TEST_CASE("conformance END-20, END-21: Ends to the byte", "[session][conformance]") {
  server_after fin("000d0001010001001b64017f000001");
  CHECK(fin.peer->take() == from_hex("0004 0001 02 01 0003 627965 0004 0001 03 00"));
  server_after rst("000d0001010001001b62017f000001");
  CHECK(rst.peer->take() == from_hex("0006 0001 03 01 0001"));
}

TEST_CASE("conformance KA", "[session][conformance]") {
  at_both({
      {"KA-01", "0004beef0400", ""},
      {"KA-02", "000d0001010001001b5f017f000001000400010400000400010201000178", "1 \"x\""},
      {"KA-03", "000400000400", ""},
      {"KA-06", "0004123404010003616263", "SESSION"},
      {"KA-07", "00051234040000", ""},
  });
}

TEST_CASE("conformance KA-08: a flood of keep-alives closes the session", "[session][conformance]") {
  subject x(role::server);
  x.negotiate();
  byte_string flood;
  for (int i = 0; i < 100; ++i) flood = flood + from_hex("0004 1234 04 00");
  x.peer->write(flood);
  CHECK(x.alive());
  x.peer->write("0004 1234 04 00");
  check_reaction(x, "SESSION", "");
  CHECK(**x.fate == errc::too_many_keep_alives);
}

TEST_CASE("conformance KA-09: keep-alives hold an idle session", "[session][conformance]") {
  session_options options;
  options.session_idle = 3s;
  subject x(role::server, options);
  x.negotiate();
  for (int i = 0; i < 15; ++i) {
    x.clock.run_for(x.context, 1s);
    REQUIRE(x.alive());
    x.peer->write("0004 1234 04 00");
  }
  x.clock.run_for(x.context, 2900ms);
  CHECK(x.alive());
  x.clock.run_for(x.context, 200ms);
  REQUIRE(*x.fate);
  CHECK(**x.fate == errc::idle_timeout);
}

TEST_CASE("a session is idle from the end of its last sub-stream on", "[session][conformance]") {
  session_options options;
  options.keep_alive_interval = 0s;
  subject x(role::client, options);
  x.negotiate();
  x.open(target::sink);
  x.peer->take();
  x.clock.run_for(x.context, 290s);
  x.app.held.front().reset(end_code::timeout);
  run_ready(x.context);
  x.clock.run_for(x.context, 299s);
  CHECK(x.alive());
  CHECK(summary(x.peer->take()) == "1 end 2");
  x.clock.run_for(x.context, 2s);
  REQUIRE(*x.fate);
  CHECK(**x.fate == errc::idle_timeout);
}

TEST_CASE("a sub-stream that was idle for too long is ended, not its session", "[session][conformance]") {
  subject x(role::client);
  x.negotiate();
  x.open(target::sink);
  x.clock.run_for(x.context, 301s);
  CHECK(summary(x.peer->take()) == "1 end 2");
  CHECK(x.alive());
}

TEST_CASE("conformance CRU", "[session][conformance]") {
  const std::string source = "000d0001010001001b61017f000001";
  at_both({
      {"CRU-01", source + "000400010501000400008000", "1 98304 bytes"},
      {"two bytes of increment", source + "00040001050100028000", "1 98304 bytes"},
      {"CRU-03", source + "0004000105010000", "SESSION"},
      {"CRU-04", source + "000400010501000101", "SESSION"},
      {"CRU-05", source + "0004000105010003000001", "SESSION"},
      {"CRU-06", source + "00040001050100050000000001", "SESSION"},
      {"CRU-07", source + "00040001050100080000000000000000", "SESSION"},
      {"CRU-10", source + "00080001050000008000", "SESSION"},
      {"CRU-11", source + "000400010501000400000000", "1 65536 bytes"},
      {"CRU-12", "0004004d05010004000003e8", ""},
      {"CRU-13", "0004000005010004000003e8", "SESSION"},
      {"CRU-15", source + "000400010501000400010000", "1 131072 bytes"},
      {"CRU-16", "000d0001010001001b64017f0000010004000105010004000003e8", "1 \"bye\" end"},
  });
}

TEST_CASE("conformance CRU-11, CRU-12: odd credit is counted", "[session][conformance]") {
  server_after zero("000d0001010001001b61017f000001000400010501000400000000");
  CHECK(zero.s.stats().glitches == 1);
  server_after unknown("0004004d05010004000003e8");
  CHECK(unknown.s.stats().glitches == 1);
}

TEST_CASE("conformance CRU-14: credit does not wrap", "[session][conformance]") {
  server_after x("000d0001010001001b60017f0000010004000105010004ffffffff0004000105010004ffffffff");
  CHECK(x.app.held.front().stats().send_credit == 65536 + 2 * std::uint64_t{0xffffffff});
  CHECK(x.alive());
}

TEST_CASE("conformance CRU-18: credit to the byte, half a window at a time", "[session][conformance]") {
  subject x(role::server);
  x.negotiate();
  x.peer->write("000d0001010001001b66017f000001");
  x.peer->write(repeated("0004 0001 02 01 7fff", 'c', 32767));
  CHECK(x.peer->take_hex() == "");
  x.peer->write("0004 0001 02 01 0001 63");
  CHECK(x.peer->take() == from_hex("0004 0001 05 01 0004 00008000"));
}

TEST_CASE("conformance CRU-19: no credit for unread bytes", "[session][conformance]") {
  const byte_string input =
      from_hex("000d0001010001001b60017f000001") + repeated("0004 0001 02 01 ea60", 'c', 60000);
  check_at_server({"CRU-19", "", ""}, input);
}

TEST_CASE("conformance UNK, LEN: structures that close a session", "[session][conformance]") {
  at_both({
      {"UNK-01", "000400010600", "SESSION"},
      {"UNK-02", "0004000106010003616263", "SESSION"},
      {"UNK-03", "00040001ff00", "SESSION"},
      {"LEN-02", "000100", "SESSION"},
      {"LEN-03", "00020000", "SESSION"},
      {"LEN-04", "0003000000", "SESSION"},
      {"LEN-07", "ffff", "SESSION"},
      {"L = 513", "0201", "SESSION"},
  });
}

TEST_CASE("conformance LEN-08, LEN-11, LEN-12: an EOF with open sub-streams is an error",
          "[session][conformance]") {
  const std::string open = "000d0001010001001b60017f000001";
  for (const std::string tail : {"", "00", "0004", "000400010201", "00040001020100056162"}) {
    CAPTURE(tail);
    server_after x(open + tail);
    x.peer->shutdown();
    REQUIRE(*x.fate);
    CHECK(**x.fate == errc::connection_lost);
    sub_stream& s = x.app.held.front();
    byte_string room(10);
    outcome first, second;
    s.async_read_some(asio::buffer(room), into(first));
    run_ready(x.context);
    s.async_read_some(asio::buffer(room), into(second));
    run_ready(x.context);
    const outcome& last = tail.size() > 16 ? second : first;
    CHECK(last.is(errc::connection_lost));
    CHECK(first.n == (tail.size() > 16 ? 2 : 0));
  }
}

TEST_CASE("conformance IDL-05: the fence stands before a new incarnation", "[session][conformance]") {
  server_after x(
      "000d0001010001001b61017f0000010006000103010003000d0001010101001b5f017f000001000568656c6c6f");
  const byte_string got = x.peer->take();
  CHECK(got == from_hex("0004 0001 03 00 0004 0001 02 01 0005 68656c6c6f"));
}

TEST_CASE("conformance IDL-11: what an old incarnation does late stays with it", "[session][conformance]") {
  server_after x("000d0001010001001b60017f000001");
  sub_stream old = std::move(x.app.held.front());
  x.peer->write("0006000103010003 000d0001010101001b5f017f000001000568656c6c6f");
  old.reset(end_code::unreachable);
  old = sub_stream();
  run_ready(x.context);
  CHECK(x.answer() == "1 \"hello\" end");
  x.peer->write("0004 0001 02 01 0001 78");
  CHECK(x.answer() == "1 \"x\"");
}
