// What may be dialled, on every spelling of an address.
#include "catch.hpp"

#include "proxy/policy/dial_policy.hpp"

#include <memory>
#include <string>
#include <vector>

namespace {

using namespace muxpro::proxy;
using asio::ip::make_address;

verdict check(const dial_policy& p, const std::string& a, std::uint16_t port = 80) {
  return p.check(make_address(a), port);
}

}  // namespace

TEST_CASE("special addresses are private", "[proxy][policy]") {
  for (const char* a : {"0.0.0.0",
                        "0.1.2.3",
                        "10.0.0.1",
                        "10.255.255.255",
                        "100.64.0.1",
                        "100.127.255.255",
                        "127.0.0.1",
                        "127.255.0.1",
                        "169.254.169.254",
                        "172.16.0.1",
                        "172.31.255.255",
                        "192.0.0.8",
                        "192.0.2.1",
                        "192.88.99.1",
                        "192.168.1.1",
                        "198.18.0.1",
                        "198.19.255.255",
                        "198.51.100.7",
                        "203.0.113.9",
                        "224.0.0.1",
                        "239.255.255.255",
                        "240.0.0.1",
                        "255.255.255.255",
                        "::",
                        "::1",
                        "fc00::1",
                        "fdff::1",
                        "fe80::1",
                        "febf::1",
                        "fec0::1",
                        "ff02::1",
                        "2001:db8::1",
                        "100::1",
                        "2001:2::1",
                        "3fff::1",
                        "64:ff9b:1::1"}) {
    INFO(a);
    CHECK(is_private(make_address(a)));
    CHECK(check({}, a) == verdict::private_address);
  }
}

TEST_CASE("neighbours of special blocks are public", "[proxy][policy]") {
  for (const char* a :
       {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",       "100.128.0.0",
        "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",          "172.15.255.255",
        "172.32.0.0",      "192.0.1.0",       "192.167.255.255", "192.169.0.0",          "198.17.255.255",
        "198.20.0.0",      "223.255.255.255", "8.8.8.8",         "2001:4860:4860::8888", "2606:4700::1",
        "fbff::1",         "2001:db9::1",     "2003::1"}) {
    INFO(a);
    CHECK_FALSE(is_private(make_address(a)));
    CHECK(check({}, a) == verdict::allowed);
  }
}

TEST_CASE("an address is judged by the IPv4 address inside it as well", "[proxy][policy]") {
  const std::pair<const char*, const char*> inside[] = {
      {"::ffff:127.0.0.1", "127.0.0.1"},
      {"::127.0.0.1", "127.0.0.1"},
      {"64:ff9b::10.0.0.1", "10.0.0.1"},
      {"2002:7f00:1::", "127.0.0.1"},
      {"2002:a9fe:a9fe::1", "169.254.169.254"},
      {"2001:0:1234::80ff:fffe", "127.0.0.1"},  // Teredo: the client's address, inverted
      {"2620::5efe:10.1.2.3", "10.1.2.3"},
      {"2620::200:5efe:192.168.0.1", "192.168.0.1"},
      {"::ffff:0:127.0.0.1", "127.0.0.1"},
  };
  for (const auto& [spelled, meant] : inside) {
    INFO(spelled);
    CHECK(unmapped(make_address(spelled)) == make_address(meant));
    CHECK(check({}, spelled) == verdict::private_address);
  }
  CHECK(check({}, "::ffff:8.8.8.8") == verdict::allowed);
  CHECK(check({}, "64:ff9b::8.8.8.8") == verdict::allowed);
  CHECK(check({}, "2002:808:808::1") == verdict::allowed);
}

TEST_CASE("private addresses may be allowed, own listeners never", "[proxy][policy]") {
  dial_policy p;
  p.allow_private(true);
  p.own_listener({make_address("127.0.0.1"), 9527});
  CHECK(check(p, "127.0.0.1", 80) == verdict::allowed);
  for (const char* a :
       {"127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "0.0.0.0", "::ffff:0.0.0.0", "2002:7f00:1::"}) {
    INFO(a);
    CHECK(check(p, a, 9527) == verdict::own_listener);
  }
  CHECK(check(p, "10.0.0.1", 9527) == verdict::allowed);
}

TEST_CASE("a listener on all addresses is known by each of them", "[proxy][policy]") {
  const auto own = std::make_shared<own_addresses>();
  dial_policy p(own);
  p.allow_private(true);
  p.own_listener({make_address("::"), 443});
  CHECK(check(p, "203.0.113.5", 443) == verdict::allowed);
  own->set({make_address("203.0.113.5"), make_address("2001:db8::5")});
  for (const char* a :
       {"203.0.113.5", "::ffff:203.0.113.5", "2001:db8::5", "127.0.0.1", "::1", "0.0.0.0", "::"}) {
    INFO(a);
    CHECK(check(p, a, 443) == verdict::own_listener);
    CHECK(check(p, a, 444) == verdict::allowed);
  }
}

TEST_CASE("addresses of this machine are private, and may change", "[proxy][policy]") {
  const auto own = std::make_shared<own_addresses>(std::vector{make_address("8.8.4.4")});
  dial_policy public_only(own), open(own);
  open.allow_private(true);
  own->set({make_address("8.8.8.8"), make_address("2620:fe::9")});
  for (const char* a : {"8.8.8.8", "::ffff:8.8.8.8", "2620:fe::9", "8.8.4.4", "64:ff9b::8.8.4.4"}) {
    INFO(a);
    CHECK(check(public_only, a) == verdict::own_address);
    CHECK(check(open, a) == verdict::allowed);
    CHECK(public_only.is_own(make_address(a)));
  }
  own->set({make_address("9.9.9.9")});
  CHECK(check(public_only, "8.8.8.8") == verdict::allowed);
  CHECK(check(public_only, "9.9.9.9") == verdict::own_address);
  CHECK(check(public_only, "8.8.4.4") == verdict::own_address);
  CHECK(check(public_only, "127.0.0.1") == verdict::private_address);
}

TEST_CASE("metadata services of clouds are private", "[proxy][policy]") {
  for (const char* a :
       {"169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"}) {
    INFO(a);
    CHECK(check({}, a) == verdict::private_address);
  }
}

TEST_CASE("names are compared without case and trailing dot", "[proxy][policy]") {
  CHECK(normalized("LocalHost.") == "localhost");
  CHECK(normalized("a..") == "a.");
  CHECK(normalized(".") == ".");
  CHECK(normalized("") == "");
  dial_policy p;
  p.block("Blocked.Test.");
  for (const char* n :
       {"blocked.test", "BLOCKED.TEST", "blocked.test.", "www.blocked.test", "a.b.Blocked.test."})
    CHECK(p.check_name(n) == verdict::blocked_name);
  for (const char* n : {"test", "unblocked.test", "blocked.test.example", ""})
    CHECK(p.check_name(n) == verdict::allowed);
}
