#include "tls_ping.hpp"

#include "lines.hpp"
#include "proxy/transport/certificate.hpp"

#include <muxpro/proxy/stream_socket.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace muxpro::app {

namespace {

template <class T>
using pointer_to = std::unique_ptr<T, void (*)(T*)>;

struct certificate_names {
  std::string all;
  explicit certificate_names(X509* c) {
    const pointer_to<GENERAL_NAMES> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(c, NID_subject_alt_name, nullptr, nullptr)),
        GENERAL_NAMES_free);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
      const GENERAL_NAME* const n = sk_GENERAL_NAME_value(names.get(), i);
      if (n->type != GEN_DNS) continue;
      const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(n->d.dNSName));
      all += (all.empty() ? "" : ", ") +
             std::string(text, static_cast<std::size_t>(ASN1_STRING_length(n->d.dNSName)));
    }
  }
};

void print_certificate(X509* c) {
  if (!c) return;
  std::array<char, 256> subject{}, issuer{};
  X509_NAME_oneline(X509_get_subject_name(c), subject.data(), subject.size());
  X509_NAME_oneline(X509_get_issuer_name(c), issuer.data(), issuer.size());
  print_line(stdout, fmt::format("  subject: {}", subject.data()));
  print_line(stdout, fmt::format("  issuer: {}", issuer.data()));
  print_line(stdout, fmt::format("  names: {}", certificate_names(c).all));
  print_line(stdout, fmt::format("  SHA-256: {}", proxy::pin_of(c)));
}

/// Ten seconds for each step, so that a silent server ends the command.
void set_deadline(BIO* connected) {
  int fd = -1;
  BIO_get_fd(connected, &fd);
  const timeval limit{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool ping(const std::string& place, const std::string& name) {
  const pointer_to<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  const pointer_to<BIO> socket(BIO_new_connect(place.c_str()), BIO_free_all);
  if (!context || !socket || BIO_do_connect(socket.get()) != 1) {
    print_line(stdout, "  no connection");
    return false;
  }
  set_deadline(socket.get());
  const pointer_to<SSL> tls(SSL_new(context.get()), SSL_free);
  constexpr unsigned char protocols[] = "\x02h2\x08http/1.1";
  SSL_set_alpn_protos(tls.get(), protocols, sizeof protocols - 1);
  if (!name.empty()) SSL_set_tlsext_host_name(tls.get(), name.c_str());
  BIO_up_ref(socket.get());
  SSL_set_bio(tls.get(), socket.get(), socket.get());
  if (SSL_connect(tls.get()) != 1) {
    const char* const why = ERR_reason_error_string(ERR_get_error());
    print_line(stdout, fmt::format("  no handshake: {}", why ? why : "the connection has ended"));
    return false;
  }
  const unsigned char* agreed = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(tls.get(), &agreed, &size);
  print_line(stdout,
             fmt::format("  {}, {}, application protocol: {}", SSL_get_version(tls.get()),
                         SSL_get_cipher_name(tls.get()),
                         size > 0 ? std::string_view(reinterpret_cast<const char*>(agreed), size) : "none"));
  print_certificate(SSL_get0_peer_certificate(tls.get()));
  return true;
}

}  // namespace

int tls_ping(const std::string& host, const std::string& address) {
  const auto colon = host.rfind(':');
  const bool has_port = colon != std::string::npos && host.find(':') == colon;
  const std::string name = host.substr(0, has_port ? colon : std::string::npos);
  const std::string port = has_port ? host.substr(colon + 1) : "443";
  const std::string place = fmt::format("{}:{}", address.empty() ? name : address, port);
  print_line(stdout, fmt::format("{} without a server name:", place));
  ping(place, {});
  print_line(stdout, fmt::format("{} with the server name {}:", place, name));
  return ping(place, name) ? 0 : 1;
}

}  // namespace muxpro::app
