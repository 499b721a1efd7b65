// DNS messages of a stranger to a small FakeDNS: answers are answers, within the limit, the same for the same
// question, and the address in one leads back to its name.
#include "fuzz.hpp"

#include "proxy/base/host_name.hpp"
#include "proxy/fake_dns/fake_dns.hpp"

#include <array>

namespace {

using namespace fuzz;
using muxpro::address;
using muxpro::proxy::fake_dns;

muxpro::proxy::fake_dns_options small() {
  muxpro::proxy::fake_dns_options o;
  o.v4 = "198.18.0.0/28";
  o.v6 = "fc00::/124";
  o.capacity = 8;
  return o;
}

bool bit(const byte_string& m, std::size_t at, int mask) { return (std::to_integer<int>(m[at]) & mask) != 0; }

void leads_back(fake_dns& dns, const byte_string& answer, std::size_t question) {
  // name pointer, type, class, TTL, size, address
  const std::size_t at = question + 2 + 2 + 2 + 4;
  const auto octet = [&](std::size_t i) { return std::to_integer<std::uint8_t>(answer[at + 2 + i]); };
  const std::size_t size = std::to_integer<std::size_t>(answer[at + 1]);
  must(size == 4 || size == 16, "an address has 4 or 16 octets");
  must(at + 2 + size <= answer.size(), "an address lies inside its answer");
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i < size; ++i) octets[i] = octet(i);
  const address a =
      size == 4 ? address::v4({octets[0], octets[1], octets[2], octets[3]}) : address::v6(octets);
  const auto clue = dns.find(a);
  must(clue.in_pool && !clue.domain.empty(), "an address leads back to its name");
  must(muxpro::proxy::canonical_host(clue.domain) == clue.domain, "a name is canonical");
}

std::size_t end_of_question(const byte_string& m) {
  std::size_t at = 12;
  while (m[at] != std::byte{0}) at += 1 + std::to_integer<std::size_t>(m[at]);
  return at + 1 + 4;
}

}  // namespace

FUZZ_TARGET(fuzz_fake_dns) {
  const byte_string query(in.begin(), in.end());
  fake_dns dns(small());
  for (char c = 'a'; c < 'j'; ++c) {  // more names than there are places
    dns.address_of(std::string(1, c), address::kind::ipv4);
    dns.address_of(std::string(1, c), address::kind::ipv6);
  }
  const byte_string answer = dns.answer(query);
  must(answer.size() <= muxpro::proxy::max_dns_answer, "an answer keeps the limit");
  must(answer == dns.answer(query), "the same question has the same answer");
  if (answer.empty()) return;
  must(answer.size() >= 12 && query.size() >= 12, "there are headers");
  must(answer[0] == query[0] && answer[1] == query[1], "an answer has the id of its question");
  must(bit(answer, 2, 0x80) && !bit(query, 2, 0x80), "a query is answered, an answer is not");
  if (bit(answer, 7, 1)) leads_back(dns, answer, end_of_question(answer));
}
