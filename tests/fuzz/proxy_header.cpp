// Headers of the PROXY protocol: any cut gives the same result, nothing behind a header is read, and what is
// written reads the same. The first byte chooses between arbitrary bytes and a header that is written here,
// the second the size of the pieces.
#include "fuzz.hpp"

#include "proxy/base/addresses.hpp"
#include "proxy/base/byte_reader.hpp"
#include "proxy/base/proxy_header_reader.hpp"
#include "proxy/base/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace proxy_header_fuzz {

using namespace fuzz;
using namespace muxpro::proxy;
using asio::ip::tcp;
using status = proxy_header_step::status;

namespace {

struct outcome {
  status what = status::need_more;
  std::optional<proxied_ends> ends;
  std::size_t read = 0;
};

/// Reads as a server does, at most `at_most` bytes at a time.
outcome read_in_pieces(const_bytes all, std::size_t at_most) {
  for (std::size_t has = 0;;) {
    const byte_string seen(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(has));
    const proxy_header_step step = read_proxy_header(seen);
    if (step.what != status::need_more) return {step.what, step.ends, has};
    must(step.missing > 0, "a header that is not whole needs more bytes");
    must(has + step.missing <= max_proxy_header, "a header has a bound");
    if (has == all.size()) return {step.what, {}, has};
    has += std::min({step.missing, at_most, all.size() - has});
  }
}

/// Returns the size of a whole header at the beginning of `all`.
std::size_t size_of_header(const_bytes all) {
  const std::string_view text = as_text(all);
  if (text.starts_with("PROXY ")) return text.find("\r\n") + 2;
  byte_reader r(all.subspan(14));
  return 16 + r.size(2);
}

bool same(const std::optional<proxied_ends>& a, const std::optional<proxied_ends>& b) {
  if (!a || !b) return !a && !b;
  return a->source == b->source && a->gateway == b->gateway;
}

outcome read_any_cut(const_bytes all, std::size_t piece) {
  const outcome whole = read_in_pieces(all, all.size() + 1);
  for (const std::size_t at_most : {std::size_t{1}, piece}) {
    const outcome cut = read_in_pieces(all, at_most);
    must(cut.what == whole.what && same(cut.ends, whole.ends), "any cut of a header gives the same result");
    must(cut.read == whole.read || whole.what == status::broken, "any cut ends at the same byte");
  }
  if (whole.what == status::complete)
    must(whole.read == size_of_header(all), "nothing behind the header is read");
  return whole;
}

asio::ip::address without_zone(const asio::ip::address& a) {
  const asio::ip::address plain = unwrapped(a);
  return plain.is_v4() ? plain : asio::ip::address_v6(plain.to_v6().to_bytes());
}

/// Returns what a reader gets from a header with these ends.
std::optional<proxied_ends> as_read(const proxied_ends& of) {
  const tcp::endpoint source(without_zone(of.source.address()), of.source.port());
  const tcp::endpoint gateway(without_zone(of.gateway.address()), of.gateway.port());
  const bool known = !source.address().is_unspecified() && !gateway.address().is_unspecified();
  if (!known || source.address().is_v4() != gateway.address().is_v4()) return std::nullopt;
  return proxied_ends{source, gateway};
}

void write_and_read(unsigned version, const proxied_ends& ends, const_bytes behind, std::size_t piece) {
  byte_string wire = proxy_header(version, ends.source, ends.gateway);
  const std::size_t size = wire.size();
  wire.insert(wire.end(), behind.begin(), behind.end());
  const outcome got = read_any_cut(wire, piece);
  must(got.what == status::complete && got.read == size, "what is written is one header");
  must(same(got.ends, as_read(ends)), "what is written reads the same");
}

template <std::size_t N>
std::array<std::uint8_t, N> octets(choices& decide) {
  std::array<std::uint8_t, N> out{};
  for (std::uint8_t& octet : out) octet = decide.byte();
  return out;
}

tcp::endpoint choose_end(choices& decide) {
  asio::ip::address a;
  switch (decide.below(3)) {
    case 0: a = asio::ip::address_v4(octets<4>(decide)); break;
    case 1: {
      const std::uint8_t zone = decide.byte();
      a = asio::ip::address_v6(octets<16>(decide), zone);
      break;
    }
    default: a = asio::ip::make_address_v6(asio::ip::v4_mapped, asio::ip::address_v4(octets<4>(decide)));
  }
  return {a, decide.word()};
}

}  // namespace
}  // namespace proxy_header_fuzz

FUZZ_TARGET(fuzz_proxy_header) {
  using namespace proxy_header_fuzz;
  if (in.size() < 2) return;
  const std::size_t piece = 1 + std::to_integer<std::size_t>(in[1]);
  const const_bytes rest = in.subspan(2);
  if ((std::to_integer<unsigned>(in[0]) & 1) == 0) {
    const outcome got = read_any_cut(rest, piece);
    for (const unsigned version : {1U, 2U})
      if (got.ends) write_and_read(version, *got.ends, rest, piece);
    return;
  }
  choices decide(rest);
  const unsigned version = decide.flag() ? 2 : 1;
  const tcp::endpoint source = choose_end(decide);
  write_and_read(version, {source, choose_end(decide)}, rest, piece);
}
