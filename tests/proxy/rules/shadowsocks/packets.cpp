// Packets of Shadowsocks: golden bytes, every wrong byte, replays, sessions.
#include "catch.hpp"
#include "support.hpp"

#include "proxy/shadowsocks/packet_server.hpp"
#include "proxy/shadowsocks/packet_user.hpp"

#include <memory>

namespace shadowsocks_test {
namespace {

const asio::ip::address sender = asio::ip::make_address("192.0.2.1");

struct opened_text {
  std::string what = "nothing";
  std::shared_ptr<sealed_source> by;
  std::string mistake;
};

opened_text open_by(packet_server& s, byte_string packet, unix_time now = example_time) {
  opened_text out;
  auto o = s.open(packet, sender, now, out.mistake);
  if (!o) return out;
  out.what = o->by->account().name + " to " + to_string(o->packet.where) + ": " + text_of(o->packet.payload);
  out.by = o->by;
  return out;
}

std::string open_by(packet_user& u, byte_string packet, unix_time now = example_time) {
  std::string mistake;
  const auto o = u.open(packet, now, mistake);
  return o ? to_string(o->where) + ": " + text_of(o->payload) : "nothing" + mistake;
}

byte_string packet_of(packet_user& u, const host_port& to, std::string_view text) {
  byte_string out;
  u.seal(out, to, bytes_of(text), example_time);
  return out;
}

byte_string answer_of(sealed_source& c, const host_port& from, std::string_view text) {
  byte_string out;
  c.seal(out, from, bytes_of(text), example_time);
  return out;
}

std::shared_ptr<const shadowsocks_server> shared(const pair_of_keys& keys) {
  return std::make_shared<const shadowsocks_server>(keys.m, keys.users, keys.server_key);
}

TEST_CASE("shadowsocks: golden packets", "[proxy][shadowsocks]") {
  packet_server aead(std::make_shared<const shadowsocks_server>(
      method("aes-256-gcm"), users_of({{"alice", key_of_password("password", 32)}})));
  const byte_string packet = counting(32) + from_hex("7fa492a2e4da07f29df17fe1ca76e05d4b2914f1b28f03b908");
  CHECK(open_by(aead, packet).what == "alice to 1.1.1.1:53: \xab\xcd");
  packet_server of_2022(std::make_shared<const shadowsocks_server>(method("2022-blake3-aes-128-gcm"),
                                                                   users_of({{"alice", counting(16)}})));
  CHECK(open_by(of_2022,
                from_hex("6eb6196e4683f9ea49df7e1b9796609d 69428edbfcf6bb43811a5ecdb5abd2e280fa493097950daf2"
                         "e0d39ef72353a5857a1ec32"))
            .what == "alice to 1.1.1.1:53: \xab\xcd");
}

TEST_CASE("shadowsocks: packets both ways", "[proxy][shadowsocks]") {
  for (const auto& [name, identities] : all_ways()) {
    INFO(name << (identities ? " with identities" : ""));
    const pair_of_keys keys(name, identities);
    packet_server server(shared(keys));
    packet_user user(keys.who);
    const byte_string first = packet_of(user, {"192.0.2.9", 53}, "ask");
    const opened_text got = open_by(server, first);
    CHECK(got.what == "alice to 192.0.2.9:53: ask");
    CHECK(open_by(server, first).what == "nothing");
    const opened_text second = open_by(server, packet_of(user, {"example.com", 5353}, ""));
    CHECK(second.what == "alice to example.com:5353: ");
    CHECK(second.by == got.by);
    CHECK(got.by->moves() == keys.m.of_2022);
    const byte_string answer = answer_of(*got.by, {"2001:db8::1", 53}, "answer");
    CHECK(open_by(user, answer) == "[2001:db8::1]:53: answer");
    CHECK(open_by(user, answer) == "nothing");
    // Its own packet is no answer, nor is that of another client.
    CHECK(open_by(user, packet_of(user, {"192.0.2.9", 53}, "ask")) == "nothing");
    packet_user other(keys.who);
    CHECK(open_by(other, answer_of(*got.by, {"192.0.2.9", 53}, "x")) ==
          (keys.m.of_2022 ? "nothing" : "192.0.2.9:53: x"));
  }
}

TEST_CASE("shadowsocks: any wrong byte and any cut of a packet is no packet", "[proxy][shadowsocks]") {
  for (const auto& [name, identities] : all_ways()) {
    INFO(name << (identities ? " with identities" : ""));
    const pair_of_keys keys(name, identities);
    packet_server server(shared(keys));
    packet_user user(keys.who);
    const byte_string whole = packet_of(user, {"192.0.2.9", 53}, "ask");
    for (std::size_t i = 0; i < whole.size(); ++i) {
      byte_string wrong = whole;
      wrong[i] ^= std::byte{0x20};
      CHECK(open_by(server, wrong).what == "nothing");
      CHECK(
          open_by(server, byte_string(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(i))).what ==
          "nothing");
    }
    CHECK(open_by(server, whole).what == "alice to 192.0.2.9:53: ask");
  }
}

TEST_CASE("shadowsocks: packets of another time", "[proxy][shadowsocks]") {
  const pair_of_keys keys("2022-blake3-aes-256-gcm");
  packet_server server(shared(keys));
  packet_user user(keys.who);
  const byte_string packet = packet_of(user, {"192.0.2.9", 53}, "ask");
  const opened_text late = open_by(server, packet, example_time + std::chrono::seconds(31));
  CHECK(late.what == "nothing");
  CHECK(late.mistake.find("off by -31 s") != std::string::npos);
  // It was not counted as received.
  const opened_text got = open_by(server, packet);
  REQUIRE(got.by);
  CHECK(open_by(user, answer_of(*got.by, {"192.0.2.9", 53}, "x"), example_time + std::chrono::seconds(40)) ==
        "nothingthe peer has a clock off by -40 s, and 30 s are allowed");
}

TEST_CASE("shadowsocks: a server that starts anew", "[proxy][shadowsocks]") {
  const pair_of_keys keys("2022-blake3-aes-128-gcm");
  packet_server before(shared(keys)), after(shared(keys));
  packet_user user(keys.who);
  const auto old = open_by(before, packet_of(user, {"192.0.2.9", 53}, "1")).by;
  const auto now = open_by(after, packet_of(user, {"192.0.2.9", 53}, "2")).by;
  const byte_string first = answer_of(*old, {"192.0.2.9", 53}, "a");
  CHECK(open_by(user, first) == "192.0.2.9:53: a");
  CHECK(open_by(user, answer_of(*now, {"192.0.2.9", 53}, "b")) == "192.0.2.9:53: b");
  CHECK(open_by(user, answer_of(*old, {"192.0.2.9", 53}, "c")) == "192.0.2.9:53: c");
  CHECK(open_by(user, first) == "nothing");
}

TEST_CASE("shadowsocks: a session that no packet has proved leaves nothing behind", "[proxy][shadowsocks]") {
  const pair_of_keys keys("2022-blake3-aes-128-gcm");
  packet_server server(shared(keys));
  std::weak_ptr<sealed_source> kept;
  {
    packet_user user(keys.who);
    auto got = open_by(server, packet_of(user, {"192.0.2.9", 53}, "1"));
    kept = got.by;
    CHECK_FALSE(kept.expired());
  }
  CHECK(kept.expired());
}

}  // namespace
}  // namespace shadowsocks_test
