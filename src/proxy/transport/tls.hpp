// TLS 1.3, and 1.2 where that is asked for, by OpenSSL. Ring 4.
#pragma once

#include <muxpro/proxy/settings.hpp>
#include <muxpro/proxy/transport.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace muxpro::proxy {

/// A further certificate of a server; see tls_options::certificate.
struct tls_identity {
  std::string certificate, key;
  bool once = false;     ///< the files are not read again
  duration stapling{0};  ///< see tls_options::stapling
};

struct tls_options {
  tls_options() = default;

  /// PEM files with this side's chain and key, or PEM itself. A server needs them, a client if its server
  /// requests a certificate.
  std::string certificate, key;
  bool certificate_once = false;
  /// The interval of a server's OCSP requests for `certificate`, whose answers are stapled. 0 disables
  /// stapling. The first client causes the first request, and gets no staple.
  duration stapling{0};
  /// A server presents the first of these certificates that has the name that the client requests. If none
  /// has it, the server presents `certificate`.
  std::vector<tls_identity> others;
  bool reject_unknown_names = false;  ///< a server refuses a name that no certificate has
  /// PEM file with the authorities that the peer's certificate must be signed by. If empty, a client uses
  /// those of the system, and a server does not authenticate its clients.
  std::string authority;
  /// SHA-256 of whole certificates (DER), as 64 hex digits, with or without colons. The peer's certificate
  /// must be one of them. Its signer and expiry are only checked if `authority` is set. For a client with a
  /// name, a pin may also be that of an authority that the server sends and that has signed its certificate.
  /// Names and expiry are checked then.
  std::vector<std::string> pins;
  /// The server's name or address, for a client. The certificate must have it. A name is also sent.
  std::string name;
  /// For a client, the names that the server's certificate may have instead.
  std::vector<std::string> other_names;
  /// The preferred protocol is first. If a client offers protocols, the server must select one.
  std::vector<std::string> alpn;
  bool alpn_matters = true;        ///< if false, a server accepts a client that offers no common one
  bool system_authorities = true;  ///< a client without an authority trusts those of the system
  /// Versions as OpenSSL numbers them, TLS 1.2 being the oldest.
  int least_version = 0x0304, most_version = 0x0304;
  std::string ciphers;  ///< of TLS 1.2, in OpenSSL's form. If empty, those with ECDHE and an AEAD
  std::string groups;   ///< in OpenSSL's form. If empty, OpenSSL's
  /// A client resumes sessions, a server gives tickets for that, unless it asks for certificates of clients.
  bool resumes = false;
  std::string key_log;  ///< a file for the secrets of handshakes. If empty, none is written
  /// If false, a client accepts any certificate, and an attacker on the path can read and change everything.
  bool verify = true;
  /// Absolute, for the whole handshake.
  duration handshake = std::chrono::seconds(10);

  /// Returns a sentence about the first invalid option, empty if all are valid. Opens no file.
  std::string validate(role side) const;
};

/// From the object "tlsSettings" of a configuration; `server` is the name where it gives none.
tls_options read_tls_options(settings& s, role side, const std::string& server);

/// Whether the text is PEM, and not the name of a file with it.
bool is_inline_pem(std::string_view text) noexcept;

/// A certificate's pin from how users write it; empty if it is none.
std::string normalized_pin(std::string_view text);

enum class tls_errc {
  unknown_certificate = 1,  ///< the peer's certificate does not match any pinned certificate
  no_agreement,             ///< the peer agreed to no application protocol
  site_itself,              ///< the target of a REALITY server has answered in its place
};
const std::error_category& tls_category() noexcept;
inline std::error_code make_error_code(tls_errc e) noexcept { return {static_cast<int>(e), tls_category()}; }

class tls_transport final : public transport {
 public:
  /// Reads the files. Throws std::invalid_argument with the sentence of tls_options::validate(), and
  /// std::runtime_error with one that names the file and what is wrong with it.
  tls_transport(role side, tls_options options);
  ~tls_transport() override;

  /// Errors: those of asio::error's SSL categories, tls_errc, asio::error::timed_out; what the socket
  /// reports. The peer gets an alert with the reason, where TLS has one. Cancellation (terminal):
  /// operation_aborted, without an alert.
  asio::awaitable<std::shared_ptr<connection>> open(std::shared_ptr<connection> below,
                                                    std::error_code& ec) const override;
  /// Handshakes that have begun end with the old files.
  void reload() const override;

 private:
  struct state;
  std::shared_ptr<const state> current() const;
  template <class Next>
  asio::awaitable<std::shared_ptr<connection>> open_over(Next next, std::error_code& ec) const;

  mutable std::mutex change_;
  mutable std::shared_ptr<const state> state_;
};

}  // namespace muxpro::proxy

template <>
struct std::is_error_code_enum<muxpro::proxy::tls_errc> : std::true_type {};
