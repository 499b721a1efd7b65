// SOCKS from both sides and its datagrams: any cut gives the same steps, no client passes without
// credentials, and what was read, written again, reads the same. The first byte chooses what reads; see
// script for the rest.
#include "fuzz.hpp"

#include "../proxy/rules/socks_transcript.hpp"

#include <optional>
#include <string>

namespace socks_fuzz {

using namespace fuzz;
using namespace muxpro::proxy;

namespace {

template <class Handshake>
void any_cut_is_the_same(const Handshake& h, script s) {
  const std::string whole = socks_test::transcript(h, s.wire);
  must(whole != socks_test::too_much && whole != socks_test::not_there, whole.c_str());
  std::vector<std::size_t> pieces;
  while (!s.decide.over()) pieces.push_back(1 + s.decide.below(40));
  must(whole == socks_test::transcript(h, s.wire, pieces), "any cut of the input gives the same steps");
}

std::optional<socks_request> request_in(const accounts& users, const_bytes in) {
  socks_handshake h(users);
  for (;;) {
    auto s = h.next(in);
    if (s.what == socks_handshake::status::request) return std::move(s.request);
    if (s.what != socks_handshake::status::send) return std::nullopt;
    in = in.subspan(s.consumed);
  }
}

void ask_again(const socks_request& r) {
  const accounts nobody;
  socks_client c(r.command, {r.target.host, r.target.port});
  byte_string pattern_bytes = c.next({}).message;
  const byte_string chosen{std::byte{5}, std::byte{0}};
  const byte_string request = c.next(chosen).message;
  pattern_bytes.insert(pattern_bytes.end(), request.begin(), request.end());
  const auto again = request_in(nobody, pattern_bytes);
  must(again && again->target == r.target && again->command == r.command,
       "a request, asked again, is the same");
}

void serve(const accounts& users, script s) {
  any_cut_is_the_same(socks_handshake(users), s);
  const auto r = request_in(users, s.wire);
  if (!r) return;
  must(r->target.host.valid(), "a request has a host that can be sent");
  must(r->command != socks_command::connect || r->target.port != 0, "nobody connects to port 0");
  must(users.empty() ? !r->user : r->user && r->user->name == "alice",
       "a request says who has proved himself");
  ask_again(*r);
}

// Where a reply leads is a place that datagrams can be sent to, or a name with a port.
void associate(script s) {
  any_cut_is_the_same(socks_client(socks_command::udp_associate, {}), s);
  socks_client c(socks_command::udp_associate, {});
  const_bytes in = s.wire;
  for (;;) {
    const auto step = c.next(in);
    if (step.what == socks_client::status::need_more || step.what == socks_client::status::refused) return;
    if (step.what == socks_client::status::connected) {
      const auto at = socks_relay_address(step.bound, asio::ip::make_address("192.0.2.1"));
      must(!at || (at->host.valid() && at->port != 0), "datagrams have a place to go");
      return;
    }
    in = in.subspan(step.consumed);
  }
}

void read_datagram(const_bytes packet) {
  const auto d = read_socks_datagram(packet);
  if (!d) return;
  must(d->where.host.valid() && d->where.port != 0, "a datagram has a place to go");
  must(d->payload.data() + d->payload.size() == packet.data() + packet.size(), "a payload goes to the end");
  byte_string again(max_socks_datagram_header);
  again.resize(write_socks_datagram_header(d->where, again));
  again.insert(again.end(), d->payload.begin(), d->payload.end());
  const auto second = read_socks_datagram(again);
  must(second && second->where == d->where && second->payload.size() == d->payload.size(),
       "a datagram, written again, is the same");
}

}  // namespace
}  // namespace socks_fuzz

FUZZ_TARGET(fuzz_socks) {
  using namespace socks_fuzz;
  static const accounts nobody, one_user = [] {
    accounts users;
    users.add("alice", "w");
    return users;
  }();
  if (in.empty()) return;
  const script s(in.subspan(1));
  switch (std::to_integer<unsigned>(in[0]) % 5) {
    case 0: return serve(nobody, s);
    case 1: return serve(one_user, s);
    case 2: return read_datagram(s.wire);
    case 4: return associate(s);
    default:
      any_cut_is_the_same(socks_client(socks_command::connect, {"a", 1}, socks_credentials{"u", "s"}), s);
  }
}
