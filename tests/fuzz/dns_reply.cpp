// Replies of a DNS server to a question: what is taken for an answer has the question's id and type, and few
// addresses; a reply to one question is none to another; an exchange ends with what it was given.
#include "fuzz.hpp"

#include "proxy/names/dns_exchange.hpp"

namespace {

using namespace fuzz;
using namespace muxpro::proxy;

dns_question question(dns_type type, std::uint16_t id) {
  dns_question q;
  q.name = "a.example";
  q.type = type;
  q.id = id;
  return q;
}

}  // namespace

FUZZ_TARGET(fuzz_dns_reply) {
  for (const dns_type type : {dns_type::a, dns_type::aaaa}) {
    const auto got = read_dns_reply(in, question(type, 0xbeef));
    if (!got) continue;
    must(in.size() >= 12, "a reply has a header");
    must(in[0] == std::byte{0xbe} && in[1] == std::byte{0xef}, "a reply has the id of its question");
    must(got->addresses.size() <= 16, "a reply has few addresses");
    must(got->ttl.count() >= 0, "a time is not negative");
    for (const auto& a : got->addresses)
      must(a.is_v6() == (type == dns_type::aaaa), "an address is of its type");
    must(!read_dns_reply(in, question(type, 0xbeee)), "a reply is for one id");
  }
  for (const bool by_datagram : {true, false}) {
    dns_exchange e({question(dns_type::a, 0xbeef), question(dns_type::aaaa, 0xbeef)});
    for (int i = 0; i < 4; ++i) e.take(in, by_datagram);
    e.turn_to_stream();
    const auto answer = e.answer();
    must(answer.addresses.empty() || answer.what == name_answer::kind::found,
         "an answer with addresses is one");
    must(e.ttl() >= muxpro::duration(0), "a time is not negative");
    must(e.open().size() <= 2, "questions do not become more");
  }
}
