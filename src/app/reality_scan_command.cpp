// The command muxpro reality scan, which checks whether a site can be the target of a REALITY server.
#include "proxy/base/deleter.hpp"
#include "proxy/reality/keys.hpp"
#include "proxy/reality/target_flight.hpp"

#include <muxpro/proxy/settings.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include "commands.hpp"
#include "lines.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <CLI/CLI.hpp>
#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <chrono>
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

/// The time for both connections to a site together, with their handshakes and the answer.
constexpr std::chrono::seconds scan_limit(10);

struct site {
  /// Resolves the name. The time for it is the system resolver's.
  explicit site(const host_port& place) : at(place) {
    asio::io_context io;
    std::error_code ec;
    addresses = tcp::resolver(io).resolve(at.host.to_string(), std::to_string(at.port), ec);
    if (ec) throw std::runtime_error(fmt::format("no address ({})", ec.message()));
    deadline = std::chrono::steady_clock::now() + scan_limit;
  }
  host_port at;
  tcp::resolver::results_type addresses;
  std::chrono::steady_clock::time_point deadline;
};

/// A TLS connection that keeps what the site has sent. Its functions throw at the site's deadline.
class site_connection {
 public:
  /// `protocols` are as ALPN has them on the wire.
  site_connection(const site& to, std::string_view protocols) : deadline_(to.deadline), socket_(io_) {
    connect(to);
    const std::string host = to.at.host.to_string();
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set1_groups_list(context_.get(), "X25519");
    SSL_CTX_set_default_verify_paths(context_.get());
    tls_.reset(SSL_new(context_.get()));
    SSL_set_alpn_protos(tls_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
    SSL_set_tlsext_host_name(tls_.get(), host.c_str());
    SSL_set1_host(tls_.get(), host.c_str());
    SSL_set_bio(tls_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(tls_.get());
  }

  void handshake() {
    ERR_clear_error();
    while (go_on(SSL_do_handshake(tls_.get()))) {
    }
    if (SSL_is_init_finished(tls_.get())) return;
    const char* const why = ERR_reason_error_string(ERR_peek_error());
    throw std::runtime_error(
        fmt::format("no TLS 1.3 with X25519 ({})", why ? why : "the connection has ended"));
  }
  SSL* tls() const noexcept { return tls_.get(); }
  const_bytes received() const noexcept { return received_; }
  /// The first line of its answer to a request for "/" by HTTP/1.1.
  std::string ask(const std::string& host) {
    const std::string request = fmt::format("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host);
    SSL_write(tls_.get(), request.data(), static_cast<int>(request.size()));
    std::string text;
    while (text.find('\r') == std::string::npos && text.size() < 4096) {
      std::array<char, 1024> room{};
      int n = 0;
      while (n <= 0 && go_on(n = SSL_read(tls_.get(), room.data(), static_cast<int>(room.size())))) {
      }
      if (n <= 0) break;
      text.append(room.data(), static_cast<std::size_t>(n));
    }
    return text.substr(0, text.find('\r'));
  }

 private:
  void connect(const site& to) {
    std::error_code ec;
    asio::async_connect(socket_, to.addresses, [&ec](std::error_code e, const tcp::endpoint&) { ec = e; });
    finish();
    if (ec) throw std::runtime_error(fmt::format("no connection ({})", ec.message()));
  }
  /// Waits for the operation that was started. Throws at the deadline.
  void finish() {
    io_.restart();
    io_.run_until(deadline_);
    if (io_.stopped()) return;
    std::error_code ignored;
    socket_.close(ignored);
    io_.run();
    throw std::runtime_error(fmt::format("no answer within {} s", scan_limit.count()));
  }
  /// Whether OpenSSL can go on with the same call.
  bool go_on(int result) {
    send();
    if (result > 0 || SSL_get_error(tls_.get(), result) != SSL_ERROR_WANT_READ) return false;
    std::array<std::byte, 4096> room{};
    std::size_t n = 0;
    socket_.async_read_some(asio::buffer(room), [&n](std::error_code, std::size_t got) { n = got; });
    finish();
    if (n == 0) return false;
    received_.insert(received_.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(n));
    return BIO_write(SSL_get_rbio(tls_.get()), room.data(), static_cast<int>(n)) > 0;
  }
  void send() {
    char* data = nullptr;
    BIO* const out = SSL_get_wbio(tls_.get());
    const long size = BIO_get_mem_data(out, &data);
    if (size <= 0) return;
    asio::async_write(socket_, asio::buffer(data, static_cast<std::size_t>(size)),
                      [](std::error_code /*seen_by_read*/, std::size_t) {});
    finish();
    BIO_reset(out);
  }

  std::chrono::steady_clock::time_point deadline_;
  asio::io_context io_;
  tcp::socket socket_;
  std::unique_ptr<SSL_CTX, proxy::deleter<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, proxy::deleter<SSL_free>> tls_;
  std::vector<std::byte> received_;
};

std::vector<std::string> names_of(const X509* shown) {
  std::vector<std::string> out;
  auto* const all =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(shown, NID_subject_alt_name, nullptr, nullptr));
  const std::unique_ptr<GENERAL_NAMES, proxy::deleter<GENERAL_NAMES_free>> freed(all);
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
    if (address(n).valid() && list.size() < 400) list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", n);
  print_line(stdout,
             fmt::format("  \"realitySettings\": {{\"target\": \"{}\", \"serverNames\": [{}], "
                         "\"privateKey\": \"{}\", \"shortIds\": [\"{}\"]}}",
                         to_string(at), list.empty() ? fmt::format("\"{}\"", at.host.to_string()) : list,
                         proxy::to_text(key), new_short_id()));
  print_line(stdout, fmt::format("  and for its clients \"publicKey\": \"{}\"",
                                 proxy::to_text(proxy::x25519_key(key).public_key())));
}

/// The first line of its answer by HTTP/1.1.
std::string first_line_of(const site& of) {
  site_connection connection(of, "\x08http/1.1");
  connection.handshake();
  return connection.ask(of.at.host.to_string());
}

/// The reasons why a site cannot be a target.
using mistakes = std::vector<std::string>;

void judge_flight(const site_connection& c, mistakes& wrong) {
  const target_flight flight = proxy::read_target_flight(c.received());
  print_line(stdout, fmt::format("  TLS 1.3, X25519 (X25519MLKEM768 was not tried), {}, records of {} bytes",
                                 SSL_get_cipher_name(c.tls()), fmt::join(flight.records, ", ")));
  if (flight.what != target_flight::status::whole)
    wrong.emplace_back(
        fmt::format("a record of more than {} bytes, which cannot be imitated", proxy::max_flight_record));
}

void judge_protocol(const site_connection& c, mistakes& wrong) {
  const std::string agreed = agreed_by(c.tls());
  print_line(stdout,
             fmt::format("  application protocol: {}", agreed.empty() ? "none" : proxy::sanitized(agreed)));
  if (agreed != "h2") wrong.emplace_back("no HTTP/2");
}

void judge_certificate(const site_connection& c, const std::vector<std::string>& names, mistakes& wrong) {
  print_line(stdout, fmt::format("  names: {}", proxy::sanitized(fmt::format("{}", fmt::join(names, ", ")))));
  const long verdict = SSL_get_verify_result(c.tls());
  if (verdict != X509_V_OK)
    wrong.emplace_back(fmt::format("an invalid certificate ({})", X509_verify_cert_error_string(verdict)));
}

void judge_answer(const std::string& line, mistakes& wrong) {
  print_line(stdout, fmt::format("  {}", proxy::sanitized(line)));
  if (!line.starts_with("HTTP/1.")) wrong.emplace_back("no answer by HTTP/1.1");
  if (line.find(" 3") == 8) wrong.emplace_back("a redirect");
}

void scan(const host_port& at, mistakes& wrong) {
  const site of(at);
  site_connection connection(of, "\x02h2\x08http/1.1");
  connection.handshake();
  const auto names = names_of(SSL_get0_peer_certificate(connection.tls()));
  judge_flight(connection, wrong);
  judge_protocol(connection, wrong);
  judge_certificate(connection, names, wrong);
  judge_answer(first_line_of(of), wrong);
  if (wrong.empty()) print_configuration(at, names);
}

int scan_all(const std::vector<std::string>& hosts) {
  int status = 0;
  for (const std::string& text : hosts) {
    const auto at = proxy::stream_address::parse(text.find(':') == std::string::npos ? text + ":443" : text);
    if (!at || at->is_unix()) throw usage_error(fmt::format("'{}' is not HOST or HOST:PORT", text));
    print_line(stdout, to_string(at->at));
    mistakes wrong;
    try {
      scan(at->at, wrong);
    } catch (const std::exception& e) {
      wrong.emplace_back(e.what());
    }
    if (wrong.empty()) continue;
    status = 1;
    print_line(stdout, fmt::format("  cannot be a target: {}", fmt::join(wrong, ", ")));
  }
  return status;
}

}  // namespace

void add_reality_command(CLI::App& app, command& run) {
  auto hosts = std::make_shared<std::vector<std::string>>();
  CLI::App& s = *app.add_subcommand("reality", "Tools for security reality.");
  s.require_subcommand(1);
  CLI::App& find =
      *s.add_subcommand("scan", "Try sites as targets of a REALITY server: exit status 1 if one cannot be.");
  find.add_option("hosts", *hosts, "HOST or HOST:PORT")->required();
  find.callback([hosts, &run] { run = [hosts] { return scan_all(*hosts); }; });
}

}  // namespace muxpro::app
