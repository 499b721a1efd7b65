#include "catch.hpp"

#include "proxy/policy/trusted_proxies.hpp"

namespace trusted_proxies_test {

using namespace muxpro::proxy;

asio::ip::address at(const char* text) { return asio::ip::make_address(text); }

TEST_CASE("trusted proxies: those that were named, and no others", "[proxy][proxy_header]") {
  trusted_proxies t;
  t.networks = ip_set(std::vector{*ip_prefix::parse("203.0.113.0/24"), *ip_prefix::parse("2001:db8::1/128")});
  for (const char* const named : {"203.0.113.1", "203.0.113.255", "2001:db8::1"}) CHECK(t.contain(at(named)));
  for (const char* const other : {"127.0.0.1", "10.0.0.1", "203.0.114.1", "::1", "2001:db8::2"})
    CHECK_FALSE(t.contain(at(other)));
}

TEST_CASE("trusted proxies: without names those of this machine and of private networks",
          "[proxy][proxy_header]") {
  const trusted_proxies t;
  for (const char* const near :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "fe80::1"})
    CHECK(t.contain(at(near)));
  for (const char* const far :
       {"8.8.8.8", "1.1.1.1", "2606:4700::1", "2620::5efe:10.1.2.3", "2002:a00:1::1", "64:ff9b::10.0.0.1"})
    CHECK_FALSE(t.contain(at(far)));
}

TEST_CASE("trusted proxies: a unix socket has no address", "[proxy][proxy_header]") {
  trusted_proxies t;
  CHECK(t.contain({}));
  t.networks.emplace();
  CHECK(t.contain({}));
  CHECK_FALSE(t.contain(at("127.0.0.1")));
}

}  // namespace trusted_proxies_test
