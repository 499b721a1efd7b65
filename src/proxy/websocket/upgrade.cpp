#include "proxy/websocket/upgrade.hpp"

#include "proxy/base/text.hpp"
#include "proxy/http/target.hpp"
#include "proxy/websocket/early_data.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

class upgrade_errors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro.upgrade"; }
  std::string message(int value) const override {
    switch (static_cast<upgrade_errc>(value)) {
      case upgrade_errc::refused: return "the server refuses the change to WebSocket";
      case upgrade_errc::other_protocol: return "the server changes to another protocol than WebSocket";
      case upgrade_errc::wrong_accept: return "the server's Sec-WebSocket-Accept is wrong";
      case upgrade_errc::extension: return "the server uses an extension of WebSocket";
      case upgrade_errc::no_http: return "the server does not answer in HTTP/1.1";
      case upgrade_errc::wrong_place: return "the client asks for another host or path";
      case upgrade_errc::no_upgrade: return "the client does not ask for WebSocket";
    }
    return "unknown error of an upgrade";
  }
};

void add_field(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).append(": ").append(value).append("\r\n");
}

/// Returns the value of the only field of that name, else empty.
template <class Message>
std::string_view value_of(const Message& m, std::string_view name) {
  const auto n = std::count_if(m.fields.begin(), m.fields.end(),
                               [name](const http_field& f) { return is_name(f.name, name); });
  return n == 1 ? std::string_view(find_field(m.fields, name)->value) : std::string_view();
}

template <class Message>
bool has_element(const Message& m, std::string_view name, std::string_view element) {
  return std::any_of(m.fields.begin(), m.fields.end(), [&](const http_field& f) {
    return is_name(f.name, name) &&
           any_element(f.value, [&](std::string_view e) { return is_name(e, element); });
  });
}

std::string empty_answer(std::string_view line) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", line);
}

bool is_for(const http_request& r, const upgrade_options& o) {
  const bool host = o.host.empty() || host_name_of(value_of(r, "host")) == host_name_of(o.host);
  return host && decoded_path(r.path) == decoded_path(o.path);
}

bool is_valid(const http_request& r, upgrade_protocol p) {
  const bool asks = r.method == "GET" && r.version_1_1 && r.body.what == http_framing::kind::none &&
                    has_element(r, "upgrade", "websocket") && has_element(r, "connection", "upgrade");
  if (p == upgrade_protocol::raw) return asks;
  return asks && value_of(r, "sec-websocket-version") == "13" &&
         value_of(r, "sec-websocket-key").size() == 24;
}

}  // namespace

const std::error_category& upgrade_category() noexcept {
  static const upgrade_errors instance;
  return instance;
}

std::string websocket_accept(std::string_view key) {
  constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 section 1.3
  const std::string both = std::string(key).append(guid);
  std::array<std::byte, 20> digest;
  unsigned size = 0;
  if (EVP_Digest(both.data(), both.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha1(),
                 nullptr) != 1)
    throw std::runtime_error("OpenSSL has no SHA-1");
  return base64_encoded(digest);
}

std::string new_websocket_key() {
  std::array<std::byte, 16> key;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1)
    throw std::runtime_error("OpenSSL has no random numbers");
  return base64_encoded(key);
}

std::string upgrade_request(const upgrade_options& o, std::string_view key, const_bytes early) {
  std::string out = fmt::format("GET {} HTTP/1.1\r\n", encoded_target(o.path));
  add_field(out, "Host", o.host);
  if (std::none_of(o.fields.begin(), o.fields.end(),
                   [](const http_field& f) { return is_name(f.name, "user-agent"); })) {
    add_field(out, "User-Agent", browser_agent);
    add_field(out, "Pragma", "no-cache");
    add_field(out, "Cache-Control", "no-cache");
  }
  for (const http_field& f : o.fields) add_field(out, f.name, f.value);
  add_field(out, "Connection", "Upgrade");
  add_field(out, "Upgrade", "websocket");
  if (!key.empty()) {
    add_field(out, "Sec-WebSocket-Version", "13");
    add_field(out, "Sec-WebSocket-Key", key);
  }
  if (!early.empty()) add_field(out, "Sec-WebSocket-Protocol", early_data_text(early));
  return out + "\r\n";
}

std::error_code mistake_in_upgrade(const http_response& answer, upgrade_protocol p, std::string_view key) {
  if (answer.status != 101) return upgrade_errc::refused;
  if (!has_element(answer, "upgrade", "websocket") || !has_element(answer, "connection", "upgrade"))
    return upgrade_errc::other_protocol;
  if (p == upgrade_protocol::raw) return {};
  if (value_of(answer, "sec-websocket-accept") != websocket_accept(key)) return upgrade_errc::wrong_accept;
  if (find_field(answer.fields, "sec-websocket-extensions")) return upgrade_errc::extension;
  return {};
}

upgrade_verdict judge_upgrade(const http_request& r, const upgrade_options& o) {
  if (!is_for(r, o)) return {empty_answer("404 Not Found"), upgrade_errc::wrong_place, {}};
  if (!is_valid(r, o.protocol)) return bad_upgrade();
  upgrade_verdict out;
  out.answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  if (o.protocol == upgrade_protocol::websocket) {
    add_field(out.answer, "Sec-WebSocket-Accept", websocket_accept(value_of(r, "sec-websocket-key")));
    const std::string_view offered = value_of(r, "sec-websocket-protocol");
    out.early = read_early_data(offered);
    if (!out.early.empty()) add_field(out.answer, "Sec-WebSocket-Protocol", offered);
  }
  out.answer += "\r\n";
  return out;
}

upgrade_verdict bad_upgrade() { return {empty_answer("400 Bad Request"), upgrade_errc::no_upgrade, {}}; }

std::optional<asio::ip::address> first_forwarded(std::string_view list) {
  std::error_code bad;
  const auto first = asio::ip::make_address(std::string(trimmed(list.substr(0, list.find(',')))), bad);
  return bad ? std::nullopt : std::optional(first);
}

std::optional<asio::ip::address> forwarded_source(const http_request& r,
                                                  const std::vector<std::string>& trusted) {
  const bool believed = std::any_of(trusted.begin(), trusted.end(), [&r](const std::string& name) {
    return find_field(r.fields, name) != nullptr;
  });
  const http_field* const list = find_field(r.fields, "x-forwarded-for");
  return believed && list ? first_forwarded(list->value) : std::nullopt;
}

}  // namespace muxpro::proxy
