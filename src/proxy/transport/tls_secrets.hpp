// tls_secrets: the secrets of a TLS 1.3 connection, which OpenSSL gives to a callback for logs of keys.
// Ring 4.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <string>

namespace muxpro::proxy {

/// What the keys of application data come from (RFC 8446 section 7.1): a digest's size of bytes each.
struct tls_secrets {
  struct secret {
    std::array<std::byte, 48> octets{};
    std::size_t size = 0;
  };
  secret client, server;

  tls_secrets() = default;
  tls_secrets(const tls_secrets&) = delete;
  ~tls_secrets() { clear(); }
  void clear() noexcept;
};

/// Connections of this context can collect_secrets(). To be called before the first one is made.
void share_secrets(SSL_CTX* of);
/// Whether it has been called.
bool shares_secrets(const SSL* tls) noexcept;
/// The secrets go to `into`. Null: no longer.
void collect_secrets(SSL* of, tls_secrets* into) noexcept;
/// Appends the secrets of handshakes to a file in NSS's format, for Wireshark. Throws std::runtime_error if
/// it cannot be opened.
void log_keys(SSL_CTX* of, const std::string& file);

}  // namespace muxpro::proxy
