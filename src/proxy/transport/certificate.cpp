#include "proxy/transport/certificate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace muxpro::proxy {

namespace {

std::string only_common_name(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first)));
  if (size < 0) return {};
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> freed(
      text, [](unsigned char* t) { OPENSSL_free(t); });
  return {text, text + size};
}

bool is_common_name(std::string_view utf8) {
  constexpr std::ptrdiff_t most_characters = 64;
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  const auto controls = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return !utf8.empty() && std::count_if(utf8.begin(), utf8.end(), begins) <= most_characters &&
         std::none_of(utf8.begin(), utf8.end(), controls) && !utf8.starts_with("sha256:");
}

}  // namespace

std::string pin_of(const X509* certificate) {
  std::array<unsigned char, 32> digest{};
  if (!certificate || X509_digest(certificate, EVP_sha256(), digest.data(), nullptr) != 1) return {};
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string pinned_user(const X509* certificate) {
  if (!certificate) return {};
  return "sha256:" + pin_of(certificate);
}

std::string vouched_user(const X509* certificate) {
  if (!certificate) return {};
  std::string name = only_common_name(certificate);
  if (!is_common_name(name)) return pinned_user(certificate);
  return name;
}

}  // namespace muxpro::proxy
