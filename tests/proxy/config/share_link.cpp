// Links of clients to outbounds, and back.
#include "catch.hpp"
#include "config_text.hpp"

#include "proxy/config/link_text.hpp"
#include "proxy/config/merge.hpp"
#include "proxy/config/share_link.hpp"

#include <string>
#include <string_view>

namespace share_links {

using namespace muxpro::proxy;

std::string json(std::string_view link) {
  std::string why;
  const auto o = outbound_of_link(link, why);
  return o ? json_text(*o) : why;
}

bool has(const std::string& text, std::string_view part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

TEST_CASE("link: base64 of any kind, and percents", "[proxy][config]") {
  CHECK(any_base64_decoded("aGVsbG8=") == "hello");
  CHECK(any_base64_decoded("aGVsbG8") == "hello");
  CHECK(any_base64_decoded("_-8") == any_base64_decoded("/+8="));
  CHECK(any_base64_decoded("aGV\nsbG8=\r\n") == "hello");
  CHECK_FALSE(any_base64_decoded("a$"));
  CHECK_FALSE(any_base64_decoded("a=b"));
  CHECK(url_base64("hello") == "aGVsbG8");
  CHECK(url_base64("") == "");
  CHECK(percent_decoded("a%20b%2") == "a b%2");
  CHECK(percent_decoded("%zz%") == "%zz%");
  CHECK(url_encoded("a b/\xc3\xa9") == "a%20b%2F%C3%A9");
}

TEST_CASE("link: parts", "[proxy][config]") {
  const auto l = parse_link("VLESS://id@[2001:db8::1]:443/?type=ws&path=%2Fa%3Fed%3D1&path=x&flag#my%20name");
  REQUIRE(l);
  CHECK(l->scheme == "vless");
  CHECK(l->user == "id");
  CHECK(l->host == "2001:db8::1");
  CHECK(l->port == 443);
  CHECK((*l)["path"] == "/a?ed=1");
  CHECK((*l)["none"].empty());
  CHECK(l->name == "my name");
  for (const char* bad :
       {"", "x", "vless://", "vless://a@b", "vless://a@b:0", "vless://a@b:65536", "vless://a@:1"})
    CHECK_FALSE(parse_link(bad));
}

TEST_CASE("link: the fake head of HTTP comes back, and socks5 is another name of socks", "[proxy][config]") {
  std::string why;
  const auto head = outbound_of_link(
      "vless://7c1e2f60-5b1d-4c53-9d3e-2f0a6b8c9d01@a.example:80?encryption=none&type=tcp&security=none&"
      "headerType=http&host=h.example&path=%2Fa#n",
      why);
  REQUIRE(head);
  CHECK(link_of_outbound(*head) ==
        "vless://7c1e2f60-5b1d-4c53-9d3e-2f0a6b8c9d01@a.example:80?encryption=none&type=tcp&security=none&"
        "headerType=http&host=h.example&path=%2Fa#n");
  has(json("socks5://u:p@1.2.3.4:1080"), R"("protocol": "socks")");
}

TEST_CASE("link: each protocol becomes an outbound", "[proxy][config]") {
  const std::string vless = json(
      "vless://7c1e2f60-5b1d-4c53-9d3e-2f0a6b8c9d01@gate.example:443?encryption=none&flow=xtls-rprx-vision&"
      "security=reality&type=tcp&sni=front.example&fp=chrome&pbk=AAEC&sid=0a1b&spx=%2F#far");
  for (const char* part :
       {R"("protocol": "vless")", R"("flow": "xtls-rprx-vision")", R"("publicKey": "AAEC")",
        R"("tag": "far")", R"("port": 443)", R"("serverName": "front.example")", R"("security": "reality")"})
    CHECK(has(vless, part));
  const std::string trojan =
      json("trojan://correct%20horse@gate.example:443?type=grpc&serviceName=svc&mode=multi");
  for (const char* part : {R"("password": "correct horse")", R"("security": "tls")", R"("multiMode": true)"})
    CHECK(has(trojan, part));
  const std::string vmess =
      json("vmess://" + url_base64(R"({"v":2,"ps":"n","add":"a.example","port":"443","id":"i",
      "aid":0,"net":"ws","type":"none","host":"h.example","path":"/p","tls":"tls","sni":""})"));
  for (const char* part : {R"("network": "ws")", R"("path": "/p")", R"("security": "auto")", R"("tag": "n")"})
    CHECK(has(vmess, part));
  for (const std::string& ss : {"ss://" + url_base64("aes-256-gcm:x y") + "@h.example:8388#s",
                                std::string("ss://aes-256-gcm:x%20y@h.example:8388#s"),
                                "ss://" + url_base64("aes-256-gcm:x y@h.example:8388") + "#s"})
    CHECK(has(json(ss), R"("password": "x y")"));
  CHECK(has(json("socks://" + url_base64("ann:x") + "@h.example:1080"), R"("user": "ann")"));
  CHECK(json("http://h.example:80").starts_with("is not a link"));
  CHECK(json("ss://aes-256-gcm:x@h.example:1?plugin=obfs-local").starts_with("asks for a plugin"));
}

TEST_CASE("link: an outbound of a link has that link", "[proxy][config]") {
  for (const char* link :
       {"vless://"
        "7c1e2f60-5b1d-4c53-9d3e-2f0a6b8c9d01@gate.example:443?encryption=none&type=ws&security=tls&sni="
        "a.example&path=%2Fchat&host=b.example#far",
        "trojan://correct%20horse@gate.example:443?type=grpc&security=tls&serviceName=svc&mode=multi#x",
        "vless://"
        "7c1e2f60-5b1d-4c53-9d3e-2f0a6b8c9d01@gate.example:443?encryption=none&type=xhttp&security=tls&"
        "path=%2Fup&mode=auto&extra=%7B%22noGRPCHeader%22%3Atrue%7D#x",
        "ss://YWVzLTI1Ni1nY206eCB5@h.example:8388#s", "socks://YW5uOng@[2001:db8::1]:1080#%C3%A9"}) {
    std::string why;
    const auto o = outbound_of_link(link, why);
    REQUIRE(o);
    CHECK(link_of_outbound(*o) == link);
  }
  config_mistakes none;
  CHECK_FALSE(link_of_outbound(*parse_json(R"({"protocol": "freedom"})", none)));
  CHECK_FALSE(link_of_outbound(*parse_json("[]", none)));
}

TEST_CASE("link: subscriptions are lines, or lines in base64", "[proxy][config]") {
  const std::string lines = "ss://a@b:1\r\n\r\n trojan://c@d:2 \n";
  const std::vector<std::string> both{"ss://a@b:1", "trojan://c@d:2"};
  CHECK(links_in(lines) == both);
  CHECK(links_in(url_base64(lines)) == both);
  CHECK(links_in("nothing").size() <= 1);
  CHECK(links_in("").empty());
}

TEST_CASE("link: a client's configuration can be run", "[proxy][config]") {
  std::string why;
  std::vector<setting> all;
  for (const char* link : {"socks://h.example:1080#a", "socks://i.example:1080#a", "socks://j.example:1080"})
    all.push_back(outbound_of_link(link, why).value());
  const test::read_text r(json_text(client_config(std::move(all))));
  CHECK(r.all() == "");
  REQUIRE(r.c.outbounds.size() == 4);
  CHECK(r.c.outbounds[1].tag == "a 2");
  CHECK(r.c.outbounds[3].protocol == "freedom");
}

TEST_CASE("link: any cut of a link is refused or read, never worse", "[proxy][config]") {
  const std::string link =
      "vless://id@[2001:db8::1]:443/?type=ws&security=tls&path=%2Fa&alpn=h2,http%2F1.1#n%20a";
  for (std::size_t size = 0; size <= link.size(); ++size) json(link.substr(0, size));
  const std::string vmess =
      "vmess://" + url_base64(R"({"add":"a","port":1,"id":"i","net":"tcp","type":"http","path":"/"})");
  for (std::size_t size = 0; size <= vmess.size(); ++size) json(vmess.substr(0, size));
}

}  // namespace share_links
