#include "proxy/sniff/sniffer.hpp"

#include "proxy/sniff/bittorrent.hpp"
#include "proxy/sniff/http1.hpp"
#include "proxy/sniff/quic.hpp"
#include "proxy/sniff/tls.hpp"

#include <algorithm>
#include <initializer_list>

namespace muxpro::proxy {

namespace {

// No two sniffers agree on a first byte, so at most one of them has more than no clue.
template <class Input>
sniff_result first_clue(Input input, std::initializer_list<sniff_result (*)(Input)> sniffers) {
  for (const auto sniff : sniffers)
    if (auto result = sniff(input); result.status != sniff_status::no_clue) return result;
  return {};
}

sniff_result final_if(bool last, sniff_result result) {
  if (last && result.status == sniff_status::need_more) return {};
  return result;
}

// How many of them fit into the limit, the one that exceeds it included.
std::size_t within_limit(std::span<const const_bytes> datagrams, std::size_t& bytes) {
  std::size_t n = 0;
  while (n < datagrams.size() && n < max_sniffed_datagrams && bytes < sniff_limit)
    bytes += datagrams[n++].size();
  return n;
}

}  // namespace

sniff_result sniff_stream(const_bytes first) {
  first = first.first(std::min(first.size(), sniff_limit));
  return final_if(first.size() == sniff_limit, first_clue(first, {sniff_http1, sniff_tls, sniff_bittorrent}));
}

sniff_result sniff_datagrams(std::span<const const_bytes> first) {
  std::size_t bytes = 0;
  first = first.first(within_limit(first, bytes));
  const bool last = first.size() == max_sniffed_datagrams || bytes >= sniff_limit;
  return final_if(last, first_clue(first, {sniff_quic, sniff_utp}));
}

}  // namespace muxpro::proxy
