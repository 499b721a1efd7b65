#include "proxy/xhttp/padding.hpp"

#include "proxy/base/text.hpp"
#include "proxy/http/cookies.hpp"
#include "proxy/http/request.hpp"
#include "proxy/http/target.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

using place = xhttp_padding_form::place;

constexpr std::string_view padding_letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// What Xray allows.
constexpr std::size_t padding_tolerance = 2;

/// Returns the bits of a letter or digit in the Huffman code of HPACK (RFC 7541 appendix B), or 0 for other
/// characters.
std::size_t bits_of(char c) noexcept {
  constexpr std::string_view five = "012aceiost", six = "3456789Abdfghlmnpru", eight = "XZ";
  if (padding_letters.find(c) == std::string_view::npos) return 0;
  if (five.find(c) != std::string_view::npos) return 5;
  if (six.find(c) != std::string_view::npos) return 6;
  return eight.find(c) != std::string_view::npos ? 8 : 7;
}

/// Returns nothing if it has other characters.
std::optional<std::size_t> huffman_size(std::string_view text) noexcept {
  std::size_t bits = 0;
  for (const char c : text) {
    if (bits_of(c) == 0) return std::nullopt;
    bits += bits_of(c);
  }
  return (bits + 7) / 8;
}

/// Random letters and digits, until they are as long as that in HTTP/2.
std::string tokenish_padding(std::size_t bytes) {
  std::string out;
  std::array<unsigned char, 64> drawn{};
  for (std::size_t bits = 0;;) {
    if (RAND_bytes(drawn.data(), static_cast<int>(drawn.size())) != 1)
      throw std::runtime_error("OpenSSL has no random numbers");
    for (const unsigned char number : drawn) {
      if (number >= 256 / padding_letters.size() * padding_letters.size()) continue;
      out += padding_letters[number % padding_letters.size()];
      bits += bits_of(out.back());
      if ((bits + 7) / 8 >= bytes) return out;
    }
  }
}

std::string_view text_of(const http_request& r, const std::string& name) {
  const http_field* const f = find_field(r.fields, lower_case(name));
  return f ? std::string_view(f->value) : std::string_view();
}

std::string_view usual_padding_of(const http_request& r) {
  const std::string_view referer = text_of(r, "referer");
  return query_value(referer.empty() ? r.path : referer, "x_padding");
}

// Finds the padding as Xray does, wherever its client was configured to put it.
std::string_view padding_of(const http_request& r, const xhttp_padding_form& form) {
  if (!form.chosen) return usual_padding_of(r);
  const std::string_view cookie = cookie_value(r.fields, form.key), header = text_of(r, form.header);
  if (!cookie.empty()) return cookie;
  if (header.empty()) return query_value(r.path, form.key);
  return form.where == place::header ? header : query_value(header, form.key);
}

void set_field(std::vector<http_field>& fields, const std::string& name, std::string value) {
  std::erase_if(fields, [&name](const http_field& f) { return is_name(f.name, lower_case(name)); });
  fields.push_back({name, std::move(value)});
}

}  // namespace

std::string xhttp_padding(const xhttp_padding_form& form, std::size_t bytes) {
  return form.chosen && form.tokenish ? tokenish_padding(bytes) : std::string(bytes, 'X');
}

std::string with_query(std::string target, std::string_view key, std::string_view value) {
  target += fmt::format("{}{}={}", target.find('?') == std::string::npos ? '?' : '&', key, value);
  return target;
}

void pad_request(http_request& r, const xhttp_padding_form& form, const std::string& url,
                 const std::string& padding) {
  if (!form.chosen) return set_field(r.fields, "Referer", with_query(url, "x_padding", padding));
  switch (form.where) {
    case place::query_in_header: return set_field(r.fields, form.header, with_query(url, form.key, padding));
    case place::header: return set_field(r.fields, form.header, padding);
    case place::cookie: return add_cookie(r.fields, form.key, padding);
    case place::query: r.path = with_query(std::move(r.path), form.key, padding);
  }
}

void pad_answer(std::vector<http_field>& fields, const xhttp_padding_form& form, const std::string& padding) {
  if (!form.chosen) return fields.push_back({"X-Padding", padding});
  switch (form.where) {
    case place::query_in_header: return fields.push_back({form.header, with_query("", form.key, padding)});
    case place::header: return fields.push_back({form.header, padding});
    case place::cookie:
      return fields.push_back({"Set-Cookie", fmt::format("{}={}; Path=/", form.key, padding)});
    case place::query: return;
  }
}

bool has_xhttp_padding(const http_request& r, const xhttp_padding_form& form, const number_range& bytes) {
  const std::string_view text = padding_of(r, form);
  if (text.empty()) return false;
  if (!form.chosen || !form.tokenish) return text.size() >= bytes.least && text.size() <= bytes.most;
  const auto n = huffman_size(text);
  return n && *n + padding_tolerance >= bytes.least && *n <= bytes.most + padding_tolerance;
}

}  // namespace muxpro::proxy
