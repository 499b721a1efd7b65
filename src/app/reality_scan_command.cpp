// muxpro reality scan: whether a site can be the target of a REALITY server.
#include "proxy/reality/keys.hpp"
#include "proxy/reality/target_flight.hpp"

#include <muxpro/proxy/settings.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include "commands.hpp"
#include "lines.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <CLI/CLI.hpp>
#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace muxpro::app {

namespace {

using asio::ip::tcp;
using proxy::target_flight;

template <auto Free>
struct freed_with {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};

constexpr long patience = 10;  // seconds, for each read and write

/// TLS over a socket that blocks, which keeps what the site has sent.
class site_connection {
 public:
  /// `protocols`: as ALPN has them on the wire.
  site_connection(const host_port& at, std::string_view protocols) : socket_(io_) {
    tcp::resolver names(io_);
    asio::connect(socket_, names.resolve(at.host.to_string(), std::to_string(at.port)));
    const timeval limit{patience, 0};
    for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO})
      ::setsockopt(socket_.native_handle(), SOL_SOCKET, which, &limit, sizeof limit);
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set1_groups_list(context_.get(), "X25519");
    SSL_CTX_set_default_verify_paths(context_.get());
    tls_.reset(SSL_new(context_.get()));
    SSL_set_alpn_protos(tls_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
    SSL_set_tlsext_host_name(tls_.get(), at.host.to_string().c_str());
    SSL_set1_host(tls_.get(), at.host.to_string().c_str());
    SSL_set_bio(tls_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(tls_.get());
  }

  void handshake() {
    while (go_on(SSL_do_handshake(tls_.get()))) {
    }
    if (!SSL_is_init_finished(tls_.get())) throw std::runtime_error("it does not speak TLS 1.3 with X25519");
  }
  SSL* tls() const noexcept { return tls_.get(); }
  const_bytes received() const noexcept { return received_; }
  /// The first line of its answer to a request for "/" by HTTP/1.1.
  std::string ask(const std::string& host) {
    const std::string request = fmt::format("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host);
    SSL_write(tls_.get(), request.data(), static_cast<int>(request.size()));
    std::array<char, 4096> room{};
    int n = 0;
    while (n <= 0 && go_on(n = SSL_read(tls_.get(), room.data(), static_cast<int>(room.size())))) {
    }
    const std::string text(room.data(), static_cast<std::size_t>(std::max(n, 0)));
    return text.substr(0, text.find('\r'));
  }

 private:
  /// Whether OpenSSL can go on with the same call.
  bool go_on(int result) {
    send();
    if (result > 0 || SSL_get_error(tls_.get(), result) != SSL_ERROR_WANT_READ) return false;
    std::array<std::byte, 4096> room{};
    std::error_code ec;
    const std::size_t n = socket_.read_some(asio::buffer(room), ec);
    if (n == 0) return false;
    received_.insert(received_.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n));
    return BIO_write(SSL_get_rbio(tls_.get()), room.data(), static_cast<int>(n)) > 0;
  }
  void send() {
    char* data = nullptr;
    BIO* const out = SSL_get_wbio(tls_.get());
    const long size = BIO_get_mem_data(out, &data);
    std::error_code seen_by_read;
    if (size > 0) asio::write(socket_, asio::buffer(data, static_cast<std::size_t>(size)), seen_by_read);
    BIO_reset(out);
  }

  asio::io_context io_;
  tcp::socket socket_;
  std::unique_ptr<SSL_CTX, freed_with<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, freed_with<SSL_free>> tls_;
  std::vector<std::byte> received_;
};

std::vector<std::string> names_of(const X509* shown) {
  std::vector<std::string> out;
  auto* const all =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(shown, NID_subject_alt_name, nullptr, nullptr));
  const std::unique_ptr<GENERAL_NAMES, freed_with<GENERAL_NAMES_free>> freed(all);
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(all, i);
    if (name->type != GEN_DNS) continue;
    const auto* const text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    out.emplace_back(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  return out;
}

std::string agreed_by(SSL* tls) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(tls, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string new_short_id() {
  proxy::short_id id{};
  const proxy::key_bytes drawn = proxy::random_key();
  std::copy_n(drawn.begin(), id.size(), id.begin());
  return proxy::to_text(id);
}

void print_configuration(const host_port& at, const std::vector<std::string>& names) {
  const proxy::key_bytes key = proxy::random_key();
  std::string list;
  for (const std::string& n : names)
    if (n.find('*') == std::string::npos && list.size() < 400)
      list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", n);
  print_line(stdout, fmt::format("  \"realitySettings\": {{\"target\": \"{}\", \"serverNames\": [{}], "
                                 "\"privateKey\": \"{}\", \"shortIds\": [\"{}\"]}}",
                                 to_string(at), list, proxy::to_text(key), new_short_id()));
  print_line(stdout, fmt::format("  and for its clients \"publicKey\": \"{}\"",
                                 proxy::to_text(proxy::x25519_key(key).public_key())));
}

/// The first line of its answer by HTTP/1.1.
std::string first_line_of(const host_port& at) {
  site_connection site(at, "\x08http/1.1");
  site.handshake();
  return site.ask(at.host.to_string());
}

void scan(const host_port& at) {
  site_connection site(at, "\x02h2\x08http/1.1");
  site.handshake();
  const target_flight flight = proxy::read_target_flight(site.received());
  const bool usable = flight.what == target_flight::status::whole;
  print_line(stdout, fmt::format("  TLS 1.3, X25519, {}, records of {} bytes{}",
                                 SSL_get_cipher_name(site.tls()), fmt::join(flight.records, ", "),
                                 usable ? "" : ": they cannot be imitated, a record has more than 8192"));
  const bool has_http2 = agreed_by(site.tls()) == "h2";
  print_line(stdout, has_http2 ? "  HTTP/2" : "  no HTTP/2: browsers expect it of a large site");
  if (SSL_get_verify_result(site.tls()) != X509_V_OK)
    print_line(stdout, "  its certificate is not valid for this name");
  const auto names = names_of(SSL_get0_peer_certificate(site.tls()));
  print_line(stdout, fmt::format("  names: {}", fmt::join(names, ", ")));
  const std::string answer = first_line_of(at);
  print_line(stdout,
             fmt::format("  {}{}", proxy::shown(answer), answer.find(" 30") == 8 ? ": it redirects" : ""));
  if (usable) print_configuration(at, names);
}

int scan_all(const std::vector<std::string>& hosts) {
  int status = 0;
  for (const std::string& text : hosts) {
    const auto at = proxy::stream_address::parse(text.find(':') == std::string::npos ? text + ":443" : text);
    if (!at || at->is_unix()) throw usage_error(fmt::format("'{}' is no HOST or HOST:PORT", text));
    print_line(stdout, to_string(at->at));
    try {
      scan(at->at);
    } catch (const std::exception& e) {
      status = 1;
      print_line(stdout, fmt::format("  cannot be a target: {}", e.what()));
    }
  }
  return status;
}

}  // namespace

void add_reality_command(CLI::App& app, command& run) {
  auto hosts = std::make_shared<std::vector<std::string>>();
  CLI::App& s = *app.add_subcommand("reality", "Tools for security reality.");
  s.require_subcommand(1);
  CLI::App& find = *s.add_subcommand("scan", "Try sites as targets of a REALITY server.");
  find.add_option("hosts", *hosts, "HOST or HOST:PORT")->required();
  find.callback([hosts, &run] { run = [hosts] { return scan_all(*hosts); }; });
}

}  // namespace muxpro::app
