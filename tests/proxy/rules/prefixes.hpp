// What every sniffer promises about the bytes that have not come yet.
#pragma once

#include "message.hpp"

#include "proxy/sniff/sniffer.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace rules_test {

using muxpro::proxy::sniff_result;
using muxpro::proxy::sniff_status;

/// However the input is cut, the answer is the same: each prefix needs more, or has the answer of the whole.
/// Empty, or what is wrong.
template <class Sniff>
std::string judge_prefixes(const byte_string& whole, Sniff sniff) {
  const sniff_result all = sniff(const_bytes(whole));
  bool decided = false;
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const byte_string prefix(whole.begin(),
                             whole.begin() + static_cast<std::ptrdiff_t>(n));  // its own allocation
    const sniff_result r = sniff(const_bytes(prefix));
    if (r.status == sniff_status::need_more && decided) return fmt::format("{} bytes take an answer back", n);
    if (r.status != sniff_status::need_more && r != all)
      return fmt::format("{} bytes have an answer of their own", n);
    decided = r.status != sniff_status::need_more;
  }
  return {};
}

/// The same of a sequence of datagrams.
template <class Sniff>
std::string judge_datagrams(const std::vector<byte_string>& whole, Sniff sniff) {
  const std::vector<const_bytes> views(whole.begin(), whole.end());
  const sniff_result all = sniff(std::span(views));
  bool decided = false;
  for (std::size_t n = 0; n <= views.size(); ++n) {
    const sniff_result r = sniff(std::span(views).first(n));
    if (r.status == sniff_status::need_more && decided)
      return fmt::format("{} datagrams take an answer back", n);
    if (r.status != sniff_status::need_more && r != all)
      return fmt::format("{} datagrams have an answer of their own", n);
    decided = r.status != sniff_status::need_more;
  }
  return {};
}

}  // namespace rules_test
