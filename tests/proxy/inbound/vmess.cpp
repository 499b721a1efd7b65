// VMess as a server.
#include "vmess.hpp"

#include <algorithm>

namespace {

using namespace vmess_test;

std::size_t lines_with(const standing& x, const std::string& part) {
  const std::vector<std::string> lines = x.log();
  return static_cast<std::size_t>(std::count_if(
      lines.begin(), lines.end(), [&](const std::string& l) { return l.find(part) != std::string::npos; }));
}

awaitable<> talks(standing& x, vmess_account a) {
  const auto c = co_await open_to(x, a, x.to_echo());
  co_await put(*c, "hello");
  const std::string hello = co_await get(*c, 5);
  CHECK(hello == "hello");
  const std::string much(300'000, 'x');
  co_await put(*c, much.substr(0, 100'000));
  const std::string back = co_await get(*c, 100'000);
  CHECK(back == much.substr(0, 100'000));
  co_await put(*c, "more");
  co_await c->finish();
  const std::string rest = co_await get(*c, 100);
  CHECK(rest == "more|");
}

awaitable<> comes_byte_by_byte(standing& x) {
  tcp::socket s = co_await x.connect();
  s.set_option(tcp::no_delay(true));
  chunk_codecs codecs = vmess_client_codecs(account(), x.to_echo(), seconds());
  for (const char c : first_bytes(codecs, "hi")) {
    co_await write(s, std::string(1, c));
    co_await pause(200us);
  }
  const auto c = make_chunked(make_connection(std::move(s)), std::move(codecs), {});
  const std::string heard = co_await get(*c, 2);
  CHECK(heard == "hi");
}

// The server sends no byte before the target does.
awaitable<> answers_with_the_target(standing& x) {
  tcp::acceptor target(x.io, {loopback, 0});
  tcp::socket s = co_await x.connect();
  chunk_codecs codecs =
      vmess_client_codecs(account(), {network::tcp, "127.0.0.1", target.local_endpoint().port()}, seconds());
  co_await write(s, first_bytes(codecs, ""));
  tcp::socket there = co_await target.async_accept(asio::use_awaitable);
  co_await pause(20ms);
  CHECK(s.available() == 0);
  const auto c = make_chunked(make_connection(std::move(s)), std::move(codecs), {});
  co_await write(there, "220 hello");
  const std::string heard = co_await get(*c, 9);
  CHECK(heard == "220 hello");
  // It ends first: the client may still send.
  there.shutdown(tcp::socket::shutdown_send);
  const std::string end = co_await get(*c, 1);
  CHECK(end == "|");
  co_await put(*c, "bye");
  const std::string bye = co_await read(there, 3);
  CHECK(bye == "bye");
}

/// Whatever a server does not serve looks the same: it reads some thousand bytes, and closes.
awaitable<> is_drained(standing& x, std::string wire) {
  tcp::socket s = co_await x.connect();
  co_await write(s, std::move(wire));
  co_await pause(30ms);
  CHECK(s.available() == 0);
  std::error_code open;
  std::array<char, 1> room;
  s.non_blocking(true);
  s.read_some(asio::buffer(room), open);
  // A server that has drawn a small number has had enough already.
  if (open == asio::error::eof) co_return;
  CHECK(open == asio::error::would_block);
  co_await write(s, std::string(4000, 'x'));
  const std::string heard = co_await read_all(s);
  CHECK(heard.size() == 1);
}

awaitable<> drains_strangers(standing& x) {
  co_await is_drained(x, std::string(16, 'a'));
  vmess_account mallory = account();
  mallory.keys = vmess_user(*parse_uuid("mallory"));
  chunk_codecs unknown = vmess_client_codecs(mallory, x.to_echo(), seconds());
  co_await is_drained(x, first_bytes(unknown, ""));
  CHECK(lines_with(x, "authentication failed from 127.0.0.1 port ") == 2);
  chunk_codecs changed = vmess_client_codecs(account(), x.to_echo(), seconds());
  std::string wire = first_bytes(changed, "");
  wire.back() = static_cast<char>(wire.back() ^ 1);
  co_await is_drained(x, wire);
  CHECK(lines_with(x, "alice (in) was refused: Its head is not authentic.") == 1);
}

awaitable<> refuses_another_time(standing& x) {
  for (const int off : {-500, 500}) {
    chunk_codecs codecs = vmess_client_codecs(account(), x.to_echo(), seconds() + off);
    co_await is_drained(x, first_bytes(codecs, "hello"));
  }
  CHECK(lines_with(x, "the client's clock is slow by 50") +
            lines_with(x, "the client's clock is slow by 49") ==
        1);
  CHECK(lines_with(x, "the client's clock is fast by 50") +
            lines_with(x, "the client's clock is fast by 49") ==
        1);
  for (const int off : {-110, 110}) {
    tcp::socket s = co_await x.connect();
    const auto c = make_chunked(make_connection(std::move(s)),
                                vmess_client_codecs(account(), x.to_echo(), seconds() + off), {});
    co_await put(*c, "hello");
    const std::string heard = co_await get(*c, 5);
    CHECK(heard == "hello");
  }
}

awaitable<> refuses_replays(standing& x) {
  chunk_codecs codecs = vmess_client_codecs(account(), x.to_echo(), seconds());
  const std::string wire = first_bytes(codecs, "hello");
  {
    tcp::socket s = co_await x.connect();
    co_await write(s, wire);
    const auto c = make_chunked(make_connection(std::move(s)), std::move(codecs), {});
    const std::string heard = co_await get(*c, 5);
    CHECK(heard == "hello");
  }
  co_await is_drained(x, wire);
  CHECK(lines_with(x, "The request is a replay.") == 1);
  // The same session under another auth id.
  vmess_body b;
  std::string sealed[2];
  for (std::string& s : sealed) {
    vmess_random r;
    r.auth_id = static_cast<std::uint32_t>(&s - sealed);
    s = test::to_text(seal_vmess_request(alice(), seconds(), b, x.to_echo(), r));
  }
  tcp::socket first = co_await x.connect();
  co_await write(first, sealed[0]);
  co_await pause(20ms);
  co_await is_drained(x, sealed[1]);
  CHECK(lines_with(x, "The request is a replay.") == 2);
}

// The system reports a reset once: to the write, if that is not over yet, else to a read.
awaitable<> is_reset(tcp::socket s, std::string wire) {
  auto [end, n] = co_await asio::async_write(s, asio::buffer(wire), as_result);
  std::array<char, 1000> room;
  while (!end) {
    const auto [unread, m] = co_await s.async_read_some(asio::buffer(room), as_result);
    end = unread;
  }
  CHECK(end == asio::error::connection_reset);
}

awaitable<> resets_behind_a_wrong_chunk(standing& x) {
  // Whatever the masked length of the chunk is, all of it is there.
  const std::string wrong(70'000, '\x55');
  for (int i = 0; i < 20; ++i) {
    chunk_codecs bytes = vmess_client_codecs(account(), x.to_echo(), seconds());
    std::string wire = first_bytes(bytes, "hello");
    wire += first_bytes(bytes, "more") + wrong;
    tcp::socket s = co_await x.connect();
    co_await is_reset(std::move(s), std::move(wire));
    chunk_codecs datagrams = vmess_client_codecs(account(), x.to_udp_echo(), seconds());
    std::string packets = first_bytes(datagrams, std::string_view("\0\3one", 5)) + wrong;
    tcp::socket other = co_await x.connect();
    co_await is_reset(std::move(other), std::move(packets));
  }
}

awaitable<> carries_datagrams(standing& x, vmess_account a) {
  const auto c = co_await open_to(x, a, x.to_udp_echo());
  const std::string wire("\0\3one\0\3two", 10);
  co_await put(*c, wire);
  const std::string heard = co_await get(*c, wire.size());
  CHECK(heard == wire);
  const std::string large = "\x05\x78" + std::string(1400, '3');
  co_await put(*c, large);
  const std::string more = co_await get(*c, large.size());
  CHECK(more == large);
  co_await c->finish();
  const std::string end = co_await get(*c, 1);
  CHECK(end == "|");
}

awaitable<> becomes_a_main_connection(standing& x) {
  const auto c = co_await open_to(x, account(), {network::tcp, "mux.pro", 9527});
  session main = c->into_session(role::client, {});
  main.async_run([](std::error_code) {});
  auto opening = main.async_open(open_request(x.to_echo()), asio::use_awaitable);
  sub_stream s = co_await std::move(opening);
  std::string text(50'000, 'm');
  co_await asio::async_write(s, asio::buffer(text), as_result);
  std::string back(text.size(), ' ');
  co_await asio::async_read(s, asio::buffer(back), as_result);
  CHECK(back == text);
}

void alone(awaitable<> (*work)(standing&), const vmess_inbound_options& o = server_options()) {
  standing(std::make_shared<vmess_inbound>(o)).run(work);
}
void of_every_kind(awaitable<> (*work)(standing&, vmess_account)) {
  for (const vmess_account& a : every_kind()) standing(server()).run([&](standing& x) { return work(x, a); });
}

}  // namespace

TEST_CASE("vmess inbound: a connection and its half-close", "[proxy][vmess]") { of_every_kind(talks); }
TEST_CASE("vmess inbound: a head byte by byte", "[proxy][vmess]") { alone(comes_byte_by_byte); }
TEST_CASE("vmess inbound: the response goes with the target's first bytes", "[proxy][vmess]") {
  alone(answers_with_the_target);
}
TEST_CASE("vmess inbound: strangers get no byte", "[proxy][vmess]") { alone(drains_strangers); }
TEST_CASE("vmess inbound: a clock that is off", "[proxy][vmess]") { alone(refuses_another_time); }
TEST_CASE("vmess inbound: a request comes once", "[proxy][vmess]") { alone(refuses_replays); }
TEST_CASE("vmess inbound: a wrong chunk resets the connection", "[proxy][vmess]") {
  alone(resets_behind_a_wrong_chunk);
}
TEST_CASE("vmess inbound: datagrams", "[proxy][vmess]") { of_every_kind(carries_datagrams); }
TEST_CASE("vmess inbound: a main connection of Mux.Pro", "[proxy][vmess]") {
  vmess_inbound_options o = server_options();
  o.keyed.main_connections = std::make_shared<const mux_inbound>(mux_inbound_options());
  alone(becomes_a_main_connection, o);
}
TEST_CASE("vmess inbound: users are replaced", "[proxy][vmess]") {
  const vmess_inbound_options o = server_options();
  standing(std::make_shared<vmess_inbound>(o)).run([&](standing& x) -> awaitable<> {
    accounts others;
    accounts now = o.keyed.users;
    now.replace_with(others);
    return is_drained(x, [&] {
      chunk_codecs codecs = vmess_client_codecs(account(), x.to_echo(), seconds());
      return first_bytes(codecs, "");
    }());
  });
}
TEST_CASE("vmess inbound: a client that does not encrypt may be refused", "[proxy][vmess]") {
  vmess_inbound_options o = server_options();
  o.encrypted_only = true;
  standing(std::make_shared<vmess_inbound>(o)).run([](standing& x) {
    chunk_codecs codecs = vmess_client_codecs(account(vmess_account::cipher::none), x.to_echo(), seconds());
    return is_drained(x, first_bytes(codecs, ""));
  });
}
