#include "proxy/base/masked.hpp"

#include "proxy/base/text.hpp"

#include <fmt/format.h>
#include <asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <system_error>

namespace muxpro::proxy {

namespace {

bool may_be_in_address(char c) { return hex_value(c) >= 0 || c == '.' || c == ':'; }

std::string shown_v4(const asio::ip::address_v4& a, std::size_t kept) {
  std::string out;
  const auto octets = a.to_bytes();
  for (std::size_t i = 0; i < octets.size(); ++i)
    out += (i == 0 ? "" : ".") + (i < kept ? fmt::format("{}", octets[i]) : std::string("*"));
  return out;
}

/// `kept` is the number of groups of 16 bits.
std::string shown_v6(const asio::ip::address_v6& a, std::size_t kept) {
  std::string out;
  const auto octets = a.to_bytes();
  for (std::size_t i = 0; i < kept; ++i) out += fmt::format("{:x}:", octets[2 * i] << 8 | octets[2 * i + 1]);
  return out + "*";
}

std::string masked_address(const asio::ip::address& a, address_mask m) {
  if (m == address_mask::full) return "[Masked]";
  const auto kept = static_cast<std::size_t>(m);  // quarters
  return a.is_v4() ? shown_v4(a.to_v4(), kept) : shown_v6(a.to_v6(), 2 * kept);
}

std::optional<asio::ip::address> address_in(std::string_view word) {
  std::error_code no;
  const auto a = asio::ip::make_address(std::string(word), no);
  return no ? std::nullopt : std::optional(a);
}

/// Masks a run of such characters, with a port behind an address of IPv4.
std::string masked_word(std::string_view word, address_mask m) {
  if (const auto a = address_in(word)) return masked_address(*a, m);
  const auto colon = word.find(':');
  const auto a = colon == std::string_view::npos ? std::nullopt : address_in(word.substr(0, colon));
  return a ? masked_address(*a, m) + std::string(word.substr(colon)) : std::string(word);
}

}  // namespace

std::string masked(std::string_view text, address_mask m) {
  if (m == address_mask::none) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const bool in_a_word = !out.empty() && (is_letter(out.back()) || out.back() == '-' || out.back() == '_');
    if (in_a_word && text.front() == ':') {  // "tcp:10.0.0.1"
      out += ':';
      text.remove_prefix(1);
      continue;
    }
    const auto end = std::find_if_not(text.begin(), text.end(), may_be_in_address);
    const auto size = static_cast<std::size_t>(end - text.begin());
    const std::string_view word = text.substr(0, size);
    out += in_a_word ? std::string(word) : masked_word(word, m);
    text.remove_prefix(size);
    if (text.empty()) break;
    out += text.front();
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace muxpro::proxy
