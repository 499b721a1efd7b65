// What the fuzz targets of VLESS and Trojan expect of the functions that read a request or a datagram.
#pragma once

#include "fuzz.hpp"

#include "proxy/policy/accounts.hpp"

#include <muxpro/destination.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace fuzz {

inline muxpro::proxy::accounts only_alice(std::string key) {
  muxpro::proxy::accounts users;
  muxpro::proxy::user_account alice;
  alice.name = "alice";
  users.add_key(alice, std::move(key));
  return users;
}

template <class Head>
bool same_request(const Head& a, const Head& b) {
  return a.what == b.what && a.consumed == b.consumed && a.user == b.user && a.target == b.target &&
         std::string_view(a.reason) == b.reason;
}

/// `read` takes the wire, `write` makes a request for a target; the longest one has `longest` bytes.
template <class Read, class Write>
void read_request(const const_bytes in, std::size_t longest, Read read, Write write) {
  const auto whole = read(in);
  using head = std::remove_const_t<decltype(whole)>;
  bool decided = false;
  for (std::size_t n = 0; n <= in.size() && n <= longest; ++n) {
    const byte_string prefix(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
    const head h = read(prefix);
    const bool waits = h.what == head::status::need_more;
    must(waits ? !decided : same_request(h, whole), "any cut of the input gives the same");
    must(!waits || n < longest, "a request needs no more than its longest form");
    decided = !waits;
  }
  if (whole.what != head::status::request) return;
  must(whole.user.name == "alice", "a request has a user");
  must(whole.target.host.valid() && whole.target.port != 0, "a request has a target");
  const head again = read(write(whole.target));
  must(again.what == whole.what && again.target == whole.target, "a request, written again, is the same");
}

/// `read` takes the next datagram of the wire, `append` writes one.
template <class Read, class Append>
void read_packets(const_bytes in, Read read, Append append) {
  for (;;) {
    const auto d = read(in);
    if (d.what != decltype(d)::status::datagram) return;
    must(d.consumed > 0 && d.consumed <= in.size(), "a datagram takes its bytes");
    must(d.payload.data() + d.payload.size() == in.data() + d.consumed, "a payload is the end of its frame");
    byte_string again;
    const muxpro::host_port where = d.where.value_or(muxpro::host_port());
    if (append(again, where, d.payload)) {
      const auto second = read(again);
      must(second.consumed == again.size() && second.where == d.where &&
               std::equal(second.payload.begin(), second.payload.end(), d.payload.begin(), d.payload.end()),
           "a datagram, written again, is the same");
    }
    in = in.subspan(d.consumed);
  }
}

}  // namespace fuzz
