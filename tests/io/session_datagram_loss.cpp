// What a UDP sub-stream loses rather than waits for: bad datagrams, no credit, full queues.
#include "datagram_support.hpp"

namespace {

using namespace io_test;

awaitable<> bad_prefixes(scripted_session& s) {
  sub_datagram d = co_await accepted(s);
  const std::vector<std::string> bad{"0000", "0005 02 0035 01 c0", "0008 01 0035 01 c0000207",
                                     "0009 02 0035 09 c0000207 00", "0005 02 0035 02 00"};
  for (const auto& block : bad) co_await s.peer.send("0004 0001 02 03 | " + block);
  co_await s.peer.send("0004 0001 02 01 | 0004 676f6f64");
  const received got = co_await receive(d);
  CHECK(got.text == "good");
  CHECK(d.stats().datagrams_dropped_in == bad.size());
  CHECK(s.subject.stats().glitches == bad.size());
  co_await s.peer.expect_silence(1s);
}

awaitable<> too_long_to_be_one(scripted_session& s) {
  sub_datagram d = co_await accepted(s);
  co_await s.peer.send(data_frame(1, 65'508), byte_string(65'508));
  co_await s.peer.expect(credit_for(1, 65'508));
  co_await s.peer.send("0004 0001 02 01 | 0004 676f6f64");
  const received got = co_await receive(d);
  CHECK(got.text == "good");
  CHECK(d.stats().datagrams_dropped_in == 1);
}

awaitable<> beyond_the_credit(scripted_session& s) {
  sub_datagram d = co_await accepted(s);
  co_await s.peer.send(data_frame(1, 40'000), byte_string(40'000));
  co_await s.peer.send(data_frame(1, 40'000), byte_string(40'000));
  co_await s.peer.send(data_frame(1, 20'000), byte_string(20'000));
  co_await s.peer.expect_silence(1s);
  CHECK(d.stats().datagrams_dropped_in == 1);
  received got = co_await receive(d);
  CHECK(got.text.size() == 40'000);
  got = co_await receive(d);
  CHECK(got.text.size() == 20'000);
  co_await s.peer.expect(credit_for(1, 40'000));
  CHECK(s.subject.stats().ends_sent.empty());
}

// The piece that came before close() is given back with the rest, in as many CreditUpdates as a datagram is
// worth.
awaitable<> discarded_piece_by_piece(scripted_session& s) {
  sub_datagram d = co_await accepted(s);
  const byte_string frame = encoded(data_frame(1, 60'000), byte_string(60'000));
  for (std::size_t at = 0; at < frame.size(); at += 500) {
    if (at == 1000) d.close();
    const auto piece = const_bytes(frame).subspan(at, std::min<std::size_t>(500, frame.size() - at));
    co_await s.peer.send_bytes(byte_string(piece.begin(), piece.end()));
    co_await yield();
  }
  co_await s.peer.expect(end_of(1));
  std::uint64_t given = 0, updates = 0;
  for (; given < 60'000; ++updates) {
    const auto f = co_await s.peer.expect_frame();
    given += std::get<credit_update>(f.header).increment;
  }
  CHECK(given == 60'000);
  CHECK(updates <= 4);
  co_await s.peer.expect_silence(1s);
}

awaitable<> queue_in(scripted_session& s) {
  sub_datagram d = co_await accepted(s);
  for (int i = 0; i < 70; ++i) co_await s.peer.send(data_frame(1, 10), byte_string(10, std::byte(i)));
  co_await yield();
  CHECK(d.stats().datagrams_dropped_in == 6);
  CHECK(d.stats().unread == 640);
  for (int i = 0; i < 64; ++i) {
    const received got = co_await receive(d);
    CHECK(got.text == std::string(10, static_cast<char>(i)));
  }
  co_await s.peer.send(data_frame(1, 3), to_bytes("new"));
  const received got = co_await receive(d);
  CHECK(got.text == "new");
  CHECK(s.subject.stats().unread == 0);
}

awaitable<sub_datagram> without_credit(scripted_session& s) {
  co_await s.agree();
  sub_datagram d(co_await s.subject.async_open(to_udp()));
  co_await s.peer.expect(new_udp_hex);
  const std::string most(65'507, 'm');
  co_await send(d, most);
  const std::string first = co_await next_words(s.peer);
  CHECK(first == "keep 1 +65507");
  co_return d;
}

awaitable<> queue_out_by_number(scripted_session& s) {
  sub_datagram d = co_await without_credit(s);
  for (int i = 0; i < 70; ++i) co_await send(d, std::string(100, static_cast<char>(i)));
  co_await s.peer.expect_silence(1s);
  CHECK(d.stats().datagrams_dropped_out == 6);
  co_await s.peer.send(credit_for(1, 70));
  co_await s.peer.expect_silence(1s);  // 99 bytes of credit: no datagram is cut
  co_await s.peer.send(credit_for(1, 1));
  for (int i = 0; i < 64; ++i) {
    const auto f = co_await s.peer.expect_frame();
    CHECK(f.payload == byte_string(100, std::byte(i)));
    co_await s.peer.send(credit_for(1, 100));
  }
  co_await s.peer.expect_silence(1s);
  CHECK(d.stats().datagrams_dropped_out == 6);
}

awaitable<> queue_out_by_size(scripted_session& s) {
  sub_datagram d = co_await without_credit(s);
  for (int i = 0; i < 10; ++i) co_await send(d, std::string(10'000, 'x'));
  CHECK(d.stats().datagrams_dropped_out == 4);
  co_await s.peer.send(credit_for(1, 1'000'000));
  for (int i = 0; i < 6; ++i) {
    const std::string next = co_await next_words(s.peer);
    CHECK(next == "keep 1 +10000");
  }
  co_await s.peer.expect_silence(1s);
}

// The first one leaves credit for small datagrams alone.
awaitable<> stale_for_want_of_credit(scripted_session& s) {
  co_await s.agree();
  sub_datagram d(co_await s.subject.async_open(to_udp()));
  co_await s.peer.expect(new_udp_hex);
  co_await send(d, std::string(2'000, 'a'));
  const std::string first = co_await next_words(s.peer);
  CHECK(first == "keep 1 +2000");
  co_await send(d, std::string(65'000, 'b'));
  co_await s.peer.expect_silence(999ms);
  co_await send(d, std::string(100, 'c'));
  co_await s.peer.send(credit_for(1, 1));
  co_await s.peer.expect_silence(500us);
  CHECK(d.stats().datagrams_dropped_out == 0);
  co_await s.peer.expect_silence(1ms);
  co_await s.peer.send(credit_for(1, 1));
  const std::string next = co_await next_words(s.peer);
  CHECK(next == "keep 1 +100");
  CHECK(d.stats().datagrams_dropped_out == 1);
}

}  // namespace

TEST_CASE("a datagram of almost a window that finds no credit for a second is dropped", "[sub_datagram]") {
  with_script(role::client, stale_for_want_of_credit);
}

TEST_CASE("badly prefixed datagrams are dropped and counted", "[sub_datagram]") {
  with_script(role::server, bad_prefixes);
}

TEST_CASE("blocks longer than any datagram are dropped and counted", "[sub_datagram]") {
  with_script(role::server, too_long_to_be_one);
}

TEST_CASE("datagrams beyond the credit are dropped and counted", "[sub_datagram]") {
  with_script(role::server, beyond_the_credit);
}

TEST_CASE("a datagram without a receiver costs the session no more than others", "[sub_datagram]") {
  with_script(role::server, discarded_piece_by_piece);
}

TEST_CASE("what is not received in time is dropped behind 64 datagrams", "[sub_datagram]") {
  with_script(role::server, queue_in);
}

TEST_CASE("without credit 64 datagrams or 64 KiB wait, more are dropped", "[sub_datagram]") {
  with_script(role::client, queue_out_by_number);
  with_script(role::client, queue_out_by_size);
}
