#include "proxy/transport/tls_secrets.hpp"

#include "proxy/base/text.hpp"
#include "proxy/net/unique_fd.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace muxpro::proxy {

namespace {

int place_of_log() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* fd, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<unique_fd*>(fd); });
  return index;
}

int place_of_secrets() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

unsigned digit(char c) noexcept { return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10); }

void read_hex(std::string_view digits, tls_secrets::secret& to) noexcept {
  if (digits.size() / 2 > to.octets.size()) return;
  to.size = digits.size() / 2;
  for (std::size_t i = 0; i < to.size; ++i)
    to.octets[i] = static_cast<std::byte>(digit(digits[2 * i]) << 4 | digit(digits[2 * i + 1]));
}

/// `line`: a label, the ClientHello's random and the secret, both in hexadecimal digits.
void collect(std::string_view line, tls_secrets& to) noexcept {
  const std::string_view secret = line.substr(line.rfind(' ') + 1);
  if (line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) read_hex(secret, to.client);
  if (line.starts_with("SERVER_TRAFFIC_SECRET_0 ")) read_hex(secret, to.server);
}

void write_line(const SSL* tls, const char* line) {
  const auto* fd = static_cast<unique_fd*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(tls), place_of_log()));
  if (!fd) return;
  const std::string text = fmt::format("{}\n", line);
  [[maybe_unused]] const auto written = ::write(fd->get(), text.data(), text.size());
}

void note_secret(const SSL* tls, const char* line) {
  if (auto* const to = static_cast<tls_secrets*>(SSL_get_ex_data(tls, place_of_secrets())))
    collect(line, *to);
  write_line(tls, line);
}

}  // namespace

void tls_secrets::clear() noexcept {
  for (secret* const s : {&client, &server}) {
    OPENSSL_cleanse(s->octets.data(), s->octets.size());
    s->size = 0;
  }
}

void share_secrets(SSL_CTX* of) { SSL_CTX_set_keylog_callback(of, note_secret); }

bool shares_secrets(const SSL* tls) noexcept {
  return SSL_CTX_get_keylog_callback(SSL_get_SSL_CTX(tls)) == note_secret;
}

void collect_secrets(SSL* of, tls_secrets* into) noexcept { SSL_set_ex_data(of, place_of_secrets(), into); }

void log_keys(SSL_CTX* of, const std::string& file) {
  auto fd =
      std::make_unique<unique_fd>(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!*fd) throw std::runtime_error(fmt::format("cannot write {}: {}", file, std::strerror(errno)));
  SSL_CTX_set_ex_data(of, place_of_log(), fd.release());
  share_secrets(of);
}

}  // namespace muxpro::proxy
