// UDP sub-streams: boundaries, addresses, and what is lost rather than waited for.
#include "datagram_support.hpp"

#include <asio/bind_cancellation_slot.hpp>

namespace {

using namespace io_test;

const host_port target{address("192.0.2.7"), 53};
const std::vector<host_port> others{
    {address("198.51.100.1"), 1000}, {address("2001:db8::1"), 65535}, {address("dns.example"), 1}};

awaitable<> keeps_boundaries(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  const std::vector<std::string> sent{"one", "", "three", std::string(1400, 'x'), std::string(20'000, 'y'),
                                      ""};
  for (const auto& text : sent) co_await send(d.client, text);
  for (const auto& text : sent) {
    const received got = co_await receive(d.server);
    CHECK(got.text == text);
    CHECK(got.from == target);
  }
  for (const auto& text : sent) co_await send(d.server, text);
  for (const auto& text : sent) {
    const received got = co_await receive(d.client);
    CHECK(got.text == text);
    CHECK(got.from == target);
  }
}

awaitable<> largest(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  const byte_string most = pattern(max_datagram);
  for (int i = 0; i < 3; ++i) {
    co_await d.client.async_send_to(asio::buffer(most), others[1]);
    const received got = co_await receive(d.server);
    CHECK(got.text == to_text(most));
    CHECK(got.from == others[1]);
  }
  const byte_string more = pattern(max_datagram + 1);
  const auto [error, n] = co_await d.client.async_send(asio::buffer(more), as_result);
  CHECK(error == errc::datagram_too_large);
  CHECK(n == 0);
  const host_port far{address(std::string(255, 'a')), 1};
  const auto [with_prefix, m] = co_await d.client.async_send_to(asio::buffer(most), far, as_result);
  CHECK(with_prefix == errc::datagram_too_large);
  CHECK(d.client.stats().datagrams_dropped_out == 2);
  co_await send(d.client, "still here");
  const received got = co_await receive(d.server);
  CHECK(got.text == "still here");
}

awaitable<> addresses_pass(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  for (const host_port& other : others) {
    co_await d.client.async_send_to(asio::buffer("to", 2), other);
    const received there = co_await receive(d.server);
    CHECK(there.text == "to");
    CHECK(there.from == other);
    co_await d.server.async_send_to(asio::buffer("from", 4), other);
    const received here = co_await receive(d.client);
    CHECK(here.text == "from");
    CHECK(here.from == other);
  }
  const host_port nowhere{address(""), 1};
  const auto [error, n] = co_await d.client.async_send_to(asio::buffer("x", 1), nowhere, as_result);
  CHECK(error == errc::bad_host);
}

awaitable<> no_addresses_under_0_0(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  REQUIRE(p.client.negotiated() == version_0_0);
  co_await d.client.async_send_to(asio::buffer("plain", 5), others[0]);
  const received there = co_await receive(d.server);
  CHECK(there.text == "plain");
  CHECK(there.from == target);
  CHECK(d.server.stats().received.bytes == 5);
}

awaitable<> first_data_is_a_datagram(session_pair& p) {
  open_request request = to_udp();
  request.first_data = to_bytes("ping");
  datagram_pair d = co_await open_datagrams(p, request);
  co_await send(d.client, "second");
  const received first = co_await receive(d.server);
  CHECK(first.text == "ping");
  const received second = co_await receive(d.server);
  CHECK(second.text == "second");
}

// --- on the wire

awaitable<> frames_of_a_client(scripted_session& s) {
  co_await s.agree();
  open_request request = to_udp();
  request.source = global_id{1, 2, 3, 4, 5, 6, 7, 8};
  sub_datagram d(co_await s.subject.async_open(request));
  co_await s.peer.expect("0015 0001 01 00 02 00 0035 01 c0000207 0102030405060708");
  co_await send(d, "hi");
  co_await s.peer.expect("0004 0001 02 01 | 0002 6869");
  co_await send(d, "");
  co_await s.peer.expect("0004 0001 02 01 | 0000");
  co_await d.async_send_to(asio::buffer("hi", 2), others[0]);
  co_await s.peer.expect("0004 0001 02 03 | 000a 02 03e8 01 c6336401 6869");
  co_await d.async_send_to(asio::buffer("hi", 2), others[2]);
  co_await s.peer.expect("0004 0001 02 03 | 0012 02 0001 02 0b 646e732e6578616d706c65 6869");
  co_await s.peer.send("0004 0001 02 03 | 000a 02 03e8 01 c6336401 6f6b");
  const received got = co_await receive(d);
  CHECK(got.text == "ok");
  CHECK(got.from == others[0]);
}

awaitable<> no_source_under_0_0(scripted_session& s) {
  co_await s.agree(version_0_0);
  open_request request = to_udp();
  request.source = global_id{1, 2, 3, 4, 5, 6, 7, 8};
  sub_stream stream = co_await s.subject.async_open(request);
  co_await s.peer.expect(new_udp_hex);
}

awaitable<> source_reaches_the_server(scripted_session& s) {
  co_await s.agree();
  co_await s.peer.send("0015 0001 01 00 02 00 0035 01 c0000207 0102030405060708");
  co_await s.peer.send("0015 0002 01 00 02 00 0035 01 c0000207 0000000000000000");
  sub_datagram with(co_await s.subject.async_accept());
  sub_datagram without(co_await s.subject.async_accept());
  CHECK(with.source() == global_id{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK_FALSE(without.source());
}

// --- operations

awaitable<> small_buffer(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  co_await send(d.client, "much too long");
  co_await send(d.client, "next");
  std::string room(4, ' ');
  host_port from;
  const auto [error, n] = co_await d.server.async_receive_from(asio::buffer(room), from, as_result);
  CHECK(error == asio::error::message_size);
  CHECK(n == 4);
  CHECK(room == "much");
  const received got = co_await receive(d.server);
  CHECK(got.text == "next");
}

awaitable<> receive_waits(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  std::string room(100, ' ');
  host_port from;
  expected_completion first, second;
  asio::cancellation_signal stop;
  d.server.async_receive_from(asio::buffer(room), from,
                              asio::bind_cancellation_slot(stop.slot(), first.handler()));
  co_await yield();
  const auto [busy, n] = co_await d.server.async_receive_from(asio::buffer(room), from, as_result);
  CHECK(busy == errc::operation_in_progress);
  CHECK_FALSE(first.done());
  stop.emit(asio::cancellation_type::total);
  co_await yield();
  CHECK(first.error() == asio::error::operation_aborted);
  d.server.async_receive_from(asio::buffer(room), from, second.handler());
  co_await d.client.async_send_to(asio::buffer("late", 4), others[0]);
  co_await yield();
  CHECK(second.n() == 4);
  CHECK(from == others[0]);
}

awaitable<> ends_after_the_last(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  for (const char* text : {"one", "two", "three"}) {
    const std::string_view view(text);
    d.client.async_send(asio::buffer(view), [](error_code error, std::size_t) { CHECK_FALSE(error); });
  }
  co_await d.client.async_shutdown();
  const auto [error, n] = co_await d.client.async_send(asio::buffer("x", 1), as_result);
  CHECK(error == errc::already_shut_down);
  for (const char* text : {"one", "two", "three"}) {
    const received got = co_await receive(d.server);
    CHECK(got.text == text);
  }
  std::string room(10, ' ');
  host_port from;
  const auto [end, m] = co_await d.server.async_receive_from(asio::buffer(room), from, as_result);
  CHECK(end == asio::error::eof);
}

awaitable<> closes_while_shutting_down(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  expected_completion shut;
  d.client.async_send(asio::buffer("x", 1), [](error_code, std::size_t) {});
  d.client.async_shutdown(shut.handler());  // waits until the datagram has gone
  d.client.close();
  co_await yield();
  CHECK(shut.done());
  CHECK_FALSE(shut.error());
}

awaitable<> ends_with_a_code(session_pair& p) {
  datagram_pair d = co_await open_datagrams(p);
  expected_completion pending;
  std::string room(10, ' ');
  host_port from;
  d.server.async_receive_from(asio::buffer(room), from, pending.handler());
  co_await yield();
  d.client.reset(end_code::rejected);
  co_await yield();
  CHECK(pending.error() == end_code::rejected);
  const auto [error, n] = co_await d.server.async_send(asio::buffer("x", 1), as_result);
  CHECK(error == end_code::rejected);
}

awaitable<> the_wrong_network(session_pair& p) {
  stream_pair tcp = co_await open_pair(p);
  CHECK_THROWS_AS(sub_datagram(std::move(tcp.client)), std::invalid_argument);
  CHECK_THROWS_AS(sub_datagram(sub_stream()), std::invalid_argument);
  stream_pair udp = co_await open_pair(p, to_udp());
  byte_string room(10);
  const auto [read, n] = co_await udp.client.async_read_some(asio::buffer(room), as_result);
  CHECK(read == errc::wrong_network);
  const auto [write, m] = co_await udp.client.async_write_some(asio::buffer(room), as_result);
  CHECK(write == errc::wrong_network);
}

}  // namespace

TEST_CASE("datagrams keep their boundaries", "[sub_datagram]") { with_pair(keeps_boundaries); }

TEST_CASE("a datagram of 65507 bytes passes, a larger one does not", "[sub_datagram]") { with_pair(largest); }

TEST_CASE("addresses pass both ways under 0.1", "[sub_datagram]") { with_pair(addresses_pass); }

TEST_CASE("addresses are left away under 0.0", "[sub_datagram]") {
  session_options o;
  o.versions = {version_0_0};
  with_pair(no_addresses_under_0_0, o);
}

TEST_CASE("first data of a UDP sub-stream is a datagram", "[sub_datagram]") {
  with_pair(first_data_is_a_datagram);
}

TEST_CASE("a UDP sub-stream byte for byte", "[sub_datagram]") {
  with_script(role::client, frames_of_a_client);
  with_script(role::client, no_source_under_0_0);
  with_script(role::server, source_reaches_the_server);
}

TEST_CASE("a buffer too small gets what fits", "[sub_datagram]") { with_pair(small_buffer); }

TEST_CASE("receiving waits, one at a time, and can be cancelled", "[sub_datagram]") {
  with_pair(receive_waits);
}

TEST_CASE("datagrams that have their credit come before the End", "[sub_datagram]") {
  with_pair(ends_after_the_last);
}

TEST_CASE("close() completes a shutdown that waits for a datagram", "[sub_datagram]") {
  with_pair(closes_while_shutting_down);
}

TEST_CASE("the peer's code ends datagrams, too", "[sub_datagram]") { with_pair(ends_with_a_code); }

TEST_CASE("streams and datagrams are not mixed up", "[sub_datagram]") { with_pair(the_wrong_network); }
