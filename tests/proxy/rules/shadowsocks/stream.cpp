// Connections of Shadowsocks: golden bytes, every cut, every wrong byte.
#include "catch.hpp"
#include "support.hpp"

#include <random>

namespace shadowsocks_test {
namespace {

const asio::ip::address somewhere = asio::ip::make_address("192.0.2.1");

std::string read_by(const shadowsocks_server& s, const_bytes wire, std::string* rest = nullptr,
                    unix_time now = example_time) {
  shadowsocks_handshake h(s, somewhere);
  const request_head head = h.next(wire, now);
  if (head.what != request_head::status::request) return describe(head);
  byte_string left(wire.begin() + static_cast<std::ptrdiff_t>(head.consumed), wire.end());
  std::string text = text_of(h.take_early());
  shadowsocks_opener opener(h.take_opener());
  std::error_code ec;
  text += text_of(open_all(opener, left, ec));
  if (rest) *rest = text;
  return describe(head);
}

struct golden {
  std::string method;
  shadowsocks_key key;
  std::string wire;
};

const std::string salt16 = "808182838485868788898a8b8c8d8e8f";
const std::string salt32 = salt16 + "909192939495969798999a9b9c9d9e9f";

// To example.test:443, "hello".
TEST_CASE("shadowsocks: golden requests", "[proxy][shadowsocks]") {
  const golden all[] = {
      {"aes-128-gcm", key_of_password("secret", 16),
       salt16 + "c5930919d4a8d282293b5030c5931490f5e39f906987575f3e360a4f403dba59a3efa0a65c9861eb8a1b33d52484"
                "31e7f7"
                "f3f37662cf8a41206ec77c5a25f354e8ee60772ecfaff492a5e0fbfea4aaa61dffe759cff076cd40"},
      {"aes-256-gcm", key_of_password("secret", 32),
       salt32 + "c5497bbdae8f7f0c2431a37b427adc8d3ad6c42e72eec9c7f2c3da3c11cc8a729d1949ff61e60523f0ad8fbcdf7f"
                "5f8998"
                "6bc73f26b2ed4dc01637809d43fa52593070013812c27f056bb8603a9eff939da6f301352810061d"},
      {"chacha20-poly1305", key_of_password("secret", 32),
       salt32 + "87dc137a3291c23e7be14e98c01f76cfc293037d8ef5a0698b1eff56623ef006fcf87241eca33849fbef38f45ab3"
                "12982d"
                "2b801ad5f2b5004d1a7c6875a3723d72a67fb1bdeb0f5c7894a4059d563bec571c1007a62c4337bb"},
      {"2022-blake3-aes-128-gcm", counting(16),
       salt16 + "a342d2422f3788104ccf9539faa0ac80e8069f31bf8d282384653e29d4b0438a29361410a8aa87d481a43c3bb615"
                "4ba1cd"
                "e3b8332cfc4b10c4e82c57f2f9a44a7c7120247f37c8ce9d7b477a05eb980c9aea635220fa83bd06bb221d2de9b5"
                "c66246"
                "1090769891e14d5d5c8a"},
      {"2022-blake3-aes-256-gcm", counting(32),
       salt32 + "4ee13038514af6dc2b59030f6ac6a108154a4ab00ffdad9c62765264463f06e7c767427ae7a70bc75d2c54341362"
                "23e45b"
                "5d32a5916d7eca51bab6cc3a2dc0b11f9240453b5ca81007e3c9fcc284f89e62ff3d1dde75c849de8c9b6a37eb8c"
                "4b3bc3"
                "b835bb7d5f69b2ea1940"},
  };
  for (const golden& g : all) {
    INFO(g.method);
    const shadowsocks_server server(method(g.method), users_of({{"alice", g.key}}));
    std::string text;
    CHECK(read_by(server, from_hex(g.wire), &text).starts_with("alice to tcp:example.test:443, "));
    CHECK(text == (server.method.of_2022 ? "GET /hello" : "hello"));
    // A replay.
    CHECK(read_by(server, from_hex(g.wire)).starts_with("alice is refused: The salt was used before"));
  }
}

TEST_CASE("shadowsocks: the other worked requests", "[proxy][shadowsocks]") {
  const shadowsocks_server aead(method("aes-256-gcm"),
                                users_of({{"alice", key_of_password("password", 32)}}));
  CHECK(read_by(aead,
                counting(32) + from_hex("7eaadaf7882df11c47f841d64ec3be97d9f0"
                                        "f62bba0d4b25261b49e432d754ab99afef57435c5866429ee228155089eb4a")) ==
        "alice to tcp:example.com:443, 81 bytes");
  const shadowsocks_server of_2022(method("2022-blake3-aes-128-gcm"), users_of({{"alice", counting(16)}}));
  std::string text;
  const byte_string wire =
      counting(16, 0x10) +
      from_hex(
          "f62b42ac395d4aead07a65d09471860919e806ee8ea58821dd5f47"
          "e19e0c3dc0253175322489f04f22537d6f54e5b97792368df2feae5fe02982aee765edb35a70");
  CHECK(read_by(of_2022, wire, &text) == "alice to tcp:example.com:443, 81 bytes");
  CHECK(text == "hello");
  const shadowsocks_server late(method("2022-blake3-aes-128-gcm"), users_of({{"alice", counting(16)}}));
  CHECK(read_by(late, wire, nullptr, example_time + std::chrono::seconds(100)) ==
        "alice is refused: the peer has a clock off by -100 s, and 30 s are allowed");
}

// The text is "world" and what the file's peer has sent behind it.
TEST_CASE("shadowsocks: golden responses", "[proxy][shadowsocks]") {
  shadowsocks_client who;
  who.method = &method("2022-blake3-aes-128-gcm");
  who.keys = {counting(16)};
  byte_string wire = from_hex(
      "202122232425262728292a2b2c2d2e2f "
      "cfd439ccd5cb580032874d1521cc11d623310888444d4ba6dd1abe45ba451e33368d692b622"
      "909e55df223 69b2e0840ee112e31ffa5d6f36ede97a0e60c163ea");
  const byte_string whole = wire;
  std::error_code ec;
  shadowsocks_response_opener opener(who, counting(16, 0x10), of_example);
  CHECK(opener.may_end());
  CHECK(text_of(open_all(opener, wire, ec)) == "world");
  CHECK_FALSE(ec);
  CHECK(opener.may_end());
  shadowsocks_response_sealer sealer(*who.method, who.key(), counting(16, 0x10), counting(16, 0x20),
                                     of_example);
  CHECK(hex(seal_all(sealer, bytes_of("world"))) == hex(whole));
  // To another request, and too late.
  wire = whole;
  shadowsocks_response_opener other(who, counting(16, 0x11), of_example);
  open_all(other, wire, ec);
  CHECK(ec == muxpro::errc::bad_answer);
  ec = {};
  wire = whole;
  shadowsocks_response_opener late(who, counting(16, 0x10),
                                   [] { return example_time + std::chrono::seconds(60); });
  open_all(late, wire, ec);
  CHECK(ec.message() == "the peer has a clock off by -60 s, and 30 s are allowed");
}

TEST_CASE("shadowsocks: an identity header as worked", "[proxy][shadowsocks]") {
  aes_blocks seals(sealing_key::use::to_seal, identity_key(counting(16, 0x40), counting(16, 0x10)));
  CHECK(hex(seals.of(identity_of(counting(16)))) == "613941b25519b5d9036ce9d601c5ed3e");
}

// Both directions of a connection, whatever their bytes are.
TEST_CASE("shadowsocks: what one side seals the other one opens", "[proxy][shadowsocks]") {
  std::mt19937 random(1);
  for (const auto& [name, identities] : all_ways()) {
    INFO(name << (identities ? " with identities" : ""));
    const pair_of_keys keys(name, identities);
    const shadowsocks_server server = keys.server();
    for (const std::size_t first : {0U, 1U, 5U, 899U, 900U, 16383U, 16384U, 40'000U}) {
      const destination target(network::tcp, first % 2 ? "192.0.2.7" : "example.com", 443);
      INFO(first << " bytes");
      const byte_string text = counting(first);
      const chunk_codecs r = shadowsocks_request(keys.who, target, of_example);
      byte_string wire = seal_all(*r.sealer, text);
      wire = wire + seal_all(*r.sealer, bytes_of("more"));
      shadowsocks_handshake h(server, somewhere);
      // In pieces.
      std::size_t at = 0;
      request_head head;
      byte_string received;
      while (head.what == request_head::status::need_more && at < wire.size()) {
        const std::size_t n = std::min<std::size_t>(1 + random() % 200, wire.size() - at);
        received.insert(received.end(), wire.begin() + static_cast<std::ptrdiff_t>(at),
                        wire.begin() + static_cast<std::ptrdiff_t>(at + n));
        at += n;
        head = h.next(received, example_time);
        received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(head.consumed));
      }
      REQUIRE(head.what == request_head::status::request);
      CHECK(head.user.name == "alice");
      CHECK(head.target == target);
      received.insert(received.end(), wire.begin() + static_cast<std::ptrdiff_t>(at), wire.end());
      byte_string got = h.take_early();
      shadowsocks_opener opener(h.take_opener());
      std::error_code ec;
      got = got + open_all(opener, received, ec);
      CHECK(got == text + bytes_of("more"));
      CHECK(received.empty());

      shadowsocks_response_sealer sealer(keys.m, h.key(), h.salt(), random_bytes(keys.m.key_size),
                                         of_example);
      byte_string answer = seal_all(sealer, counting(20'000));
      answer = answer + seal_all(sealer, bytes_of("x"));
      CHECK(open_all(*r.opener, answer, ec) == counting(20'000) + bytes_of("x"));
      CHECK_FALSE(ec);
      CHECK(r.opener->may_end());
    }
  }
}

TEST_CASE("shadowsocks: every cut of a request gives the same", "[proxy][shadowsocks]") {
  for (const auto& [name, identities] : all_ways()) {
    INFO(name << (identities ? " with identities" : ""));
    const pair_of_keys keys(name, identities);
    const byte_string wire = request_of(keys.who, {network::tcp, "a.example", 80}, bytes_of("hi"));
    // A salt is accepted once: each cut has a server of its own.
    const std::string got = every_cut(wire, [&](const_bytes in) {
      const shadowsocks_server server = keys.server();
      shadowsocks_handshake h(server, somewhere);
      request_head head = h.next(in, example_time);
      if (head.what == request_head::status::need_more) head.consumed = 0;
      return head;
    });
    CHECK(got.starts_with("alice to tcp:a.example:80, "));
    CHECK(got.find("BUT") == std::string::npos);
  }
}

TEST_CASE("shadowsocks: any wrong byte of a request is no request", "[proxy][shadowsocks]") {
  for (const auto& [name, identities] : all_ways()) {
    INFO(name << (identities ? " with identities" : ""));
    const pair_of_keys keys(name, identities);
    const byte_string wire = request_of(keys.who, {network::tcp, "a.example", 80}, bytes_of("hi"));
    for (std::size_t i = 0; i < wire.size(); i += 1 + i / 100) {
      byte_string wrong = wire;
      wrong[i] ^= std::byte{0x40};
      const shadowsocks_server server = keys.server();
      shadowsocks_handshake h(server, somewhere);
      CHECK(h.next(wrong, example_time).what != request_head::status::request);
    }
  }
}

TEST_CASE("shadowsocks: requests that have no valid target", "[proxy][shadowsocks]") {
  const pair_of_keys keys("aes-128-gcm");
  for (const char* text : {"00", "0501", "01000000000000", "0302612f0050"}) {
    byte_string wire = counting(16);
    sealing_sequence seals(keys.m.cipher, sealing_key::use::to_seal,
                           session_key(keys.m, keys.who.key(), const_bytes(wire)));
    shadowsocks_sealer sealer(std::move(seals));
    wire = wire + seal_all(sealer, from_hex(text));
    CHECK(read_by(keys.server(), wire) == "alice is refused: The request has no valid target.");
  }
}

TEST_CASE("shadowsocks: a target in many chunks", "[proxy][shadowsocks]") {
  const pair_of_keys keys("chacha20-ietf-poly1305");
  byte_string wire = counting(32);
  shadowsocks_sealer sealer(sealing_sequence(keys.m.cipher, sealing_key::use::to_seal,
                                             session_key(keys.m, keys.who.key(), const_bytes(wire))));
  for (const std::byte b : from_hex("0309612e6578616d706c650050 6869"))
    wire = wire + seal_all(sealer, byte_string{b});
  std::string text;
  CHECK(read_by(keys.server(), wire, &text).starts_with("alice to tcp:a.example:80, "));
  CHECK(text == "hi");
}

TEST_CASE("shadowsocks: what a client has sent is no answer", "[proxy][shadowsocks]") {
  for (const auto& [name, identities] : all_ways()) {
    const pair_of_keys keys(name, identities);
    const chunk_codecs r = shadowsocks_request(keys.who, {network::tcp, "a.example", 80}, of_example);
    byte_string wire = seal_all(*r.sealer, counting(2000));
    std::error_code ec;
    open_all(*r.opener, wire, ec);
    CHECK(ec);
  }
}

TEST_CASE("shadowsocks: a user without an identity header, and one of another server",
          "[proxy][shadowsocks]") {
  const pair_of_keys keys("2022-blake3-aes-128-gcm", true);
  shadowsocks_client alone = keys.who;
  alone.keys.erase(alone.keys.begin());
  shadowsocks_client other = keys.who;
  other.keys[0] = counting(16, 1);
  shadowsocks_client unknown = keys.who;
  unknown.keys[1] = counting(16, 2);
  for (const auto& who : {alone, other, unknown}) {
    const auto wire = request_of(who, {network::tcp, "a.example", 80}, {});
    CHECK(read_by(keys.server(), wire) == "stranger");
  }
}

TEST_CASE("shadowsocks: the key of a source is tried first, and others are found", "[proxy][shadowsocks]") {
  const pair_of_keys keys("aes-128-gcm");
  const shadowsocks_server server = keys.server();
  shadowsocks_client bob = keys.who;
  bob.keys = {counting(16, 99)};
  for (const shadowsocks_client* who :
       std::initializer_list<const shadowsocks_client*>{&bob, &keys.who, &bob}) {
    const auto wire = request_of(*who, {network::tcp, "a.example", 80}, {});
    CHECK(read_by(server, wire).starts_with(who == &bob ? "bob to " : "alice to "));
  }
}

}  // namespace
}  // namespace shadowsocks_test
