#include "proxy/policy/dial_policy.hpp"

#include "proxy/transport/tls.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro.tls"; }
  std::string message(int value) const override {
    switch (static_cast<tls_errc>(value)) {
      case tls_errc::unknown_certificate:
        return "the peer's certificate does not match any pinned certificate";
      case tls_errc::no_agreement: return "the peer agreed to no application protocol";
      case tls_errc::site_itself:
        return "the site itself answered instead of REALITY: publicKey, shortId, serverName or the clock is "
               "wrong, or the server refuses the client's version";
    }
    return "unknown TLS error";
  }
};

}  // namespace

const std::error_category& tls_category() noexcept {
  static const category instance;
  return instance;
}

bool is_inline_pem(std::string_view text) noexcept { return text.starts_with("-----BEGIN "); }

std::string normalized_pin(std::string_view text) {
  std::string digits;
  for (const char c : normalized(text)) {
    if (c == ':') continue;
    if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return {};
    digits += c;
  }
  return digits.size() == 64 ? digits : std::string();
}

std::string tls_options::validate(role side) const {
  if (certificate.empty() != key.empty())
    return fmt::format("certificate is '{}' and key is '{}': one is of no use without the other", certificate,
                       key);
  if (side == role::server && certificate.empty()) return "certificate is '': a server needs one";
  for (const std::string& p : pins)
    if (normalized_pin(p).empty())
      return fmt::format("pins has '{}': it must be the SHA-256 of a certificate, 64 hex digits", p);
  if (side == role::client && name.empty() && verify && (pins.empty() || !authority.empty()))
    return "name is '': it must be the name in the server's certificate";
  std::size_t size = 0;
  for (const std::string& a : alpn) {
    size += 1 + a.size();
    if (a.empty() || a.size() > 255) return fmt::format("alpn has '{}': it must have 1 to 255 bytes", a);
  }
  if (size > 1024) return "alpn is too long: it must have at most 1024 bytes";
  if (handshake < std::chrono::milliseconds(1) || handshake > std::chrono::hours(1))
    return "handshake must be 1 ms to 1 h";
  return {};
}

}  // namespace muxpro::proxy
