#include "proxy/trojan/request.hpp"

#include "proxy/base/text.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

enum class trojan_command : std::uint8_t { tcp = 1, udp = 3 };

bool is_key_digit(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f'); }

/// Whether a first line can begin so.
bool begins_with_key(std::string_view text) {
  const std::string_view digits = text.substr(0, trojan_key_size);
  if (!std::all_of(digits.begin(), digits.end(), is_key_digit)) return false;
  const std::string_view end = text.substr(digits.size(), trojan_line_end.size());
  return trojan_line_end.starts_with(end);
}

// Behind the first line.
request_head read_trojan_rest(byte_reader& r, user_account user) {
  const auto asked = static_cast<trojan_command>(r.number(1));
  if (r.missing()) return {};
  if (asked != trojan_command::tcp && asked != trojan_command::udp)
    return request_head::refusal(std::move(user), "The Trojan command is unknown.");
  auto where = read_socks_address(r);
  if (r.missing()) return {};
  // Clients hand on what SOCKS clients ask for, and that is 0.0.0.0:0 for datagrams.
  const bool may_be_none = asked == trojan_command::udp;
  if (!where || !where->host.valid() || (where->port == 0 && !may_be_none))
    return request_head::refusal(std::move(user), "The Trojan request has no valid target.");
  const std::string_view end = as_text(r.take(trojan_line_end.size()));
  if (r.missing()) return {};
  if (end != trojan_line_end)
    return request_head::refusal(std::move(user), "The Trojan request does not end with a line.");
  destination target(asked == trojan_command::udp ? network::udp : network::tcp, std::move(where->host),
                     where->port);
  return request_head::of(std::move(user), std::move(target), r.position());
}

void append_text(std::vector<std::byte>& out, std::string_view text) {
  const auto all = std::as_bytes(std::span(text));
  out.insert(out.end(), all.begin(), all.end());
}

}  // namespace

std::string trojan_key(std::string_view password) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_Digest(password.data(), password.size(), digest.data(), nullptr, EVP_sha224(), nullptr) != 1)
    throw std::runtime_error("libcrypto has no SHA-224");
  std::string out;
  for (std::size_t i = 0; i < trojan_key_size / 2; ++i)
    for (const int digit : {digest[i] >> 4, digest[i] & 15}) out += "0123456789abcdef"[digit];
  return out;
}

request_head read_trojan_request(const_bytes received, const accounts& users) {
  if (!begins_with_key(as_text(received))) return request_head::of_stranger();
  byte_reader r(received, max_trojan_request);
  const std::string_view key = as_text(r.take(trojan_key_size));
  r.take(trojan_line_end.size());
  if (r.missing()) return {};
  auto user = users.check_key(key);
  return user ? read_trojan_rest(r, *std::move(user)) : request_head::of_stranger();
}

std::vector<std::byte> trojan_request(std::string_view key, const destination& target) {
  std::vector<std::byte> out;
  out.reserve(max_trojan_request);
  append_text(out, key);
  append_text(out, trojan_line_end);
  const auto asked = target.net == network::udp ? trojan_command::udp : trojan_command::tcp;
  out.push_back(static_cast<std::byte>(asked));
  append_socks_address(out, {target.host, target.port});
  append_text(out, trojan_line_end);
  return out;
}

}  // namespace muxpro::proxy
