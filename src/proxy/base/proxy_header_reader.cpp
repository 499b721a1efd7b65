#include "proxy/base/proxy_header_reader.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/text.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace muxpro::proxy {

namespace {

using asio::ip::tcp;
using step = proxy_header_step;

constexpr std::string_view line_begin = "PROXY ", line_end = "\r\n";
constexpr std::string_view shortest_line = "PROXY UNKNOWN\r\n";
constexpr std::string_view binary_begin("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t binary_fixed = 16;

class proxy_header_errors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "muxpro.proxy_header"; }
  std::string message(int value) const override {
    switch (static_cast<proxy_header_errc>(value)) {
      case proxy_header_errc::broken: return "there is no valid header of the PROXY protocol";
      case proxy_header_errc::untrusted: return "the peer is not one of sockopt.trustedProxies";
    }
    return "unknown error of the PROXY protocol";
  }
};

step needs(std::size_t bytes) { return {step::status::need_more, bytes, {}}; }
step broken() { return {step::status::broken, 0, {}}; }
step complete(std::optional<proxied_ends> ends) { return {step::status::complete, 0, std::move(ends)}; }

std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

std::optional<asio::ip::address> address_of(std::string_view text, bool v6) {
  std::error_code bad;
  const auto a = asio::ip::make_address(std::string(text), bad);
  // make_address() takes a zone, and stops at a zero byte.
  const bool plain = text.find_first_not_of("0123456789abcdefABCDEF.:") == std::string_view::npos;
  return bad || a.is_v6() != v6 || !plain ? std::nullopt : std::optional(a);
}

step read_line(std::string_view line) {
  line.remove_prefix(line_begin.size());
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return complete({});
  if (family != "TCP4" && family != "TCP6") return broken();
  const bool v6 = family == "TCP6";
  const auto source = address_of(take_word(line), v6), gateway = address_of(take_word(line), v6);
  const auto source_port = number<std::uint16_t>(take_word(line)), gateway_port = number<std::uint16_t>(line);
  if (!source || !gateway || !source_port || !gateway_port) return broken();
  return complete(proxied_ends{{*source, *source_port}, {*gateway, *gateway_port}});
}

step read_text(std::string_view in) {
  const std::size_t end = in.find(line_end);
  if (end != std::string_view::npos) return read_line(in.substr(0, end));
  if (in.size() < shortest_line.size()) return needs(shortest_line.size() - in.size());
  if (in.size() >= max_proxy_line) return broken();
  return needs(in.ends_with('\r') ? 1 : std::min<std::size_t>(2, max_proxy_line - in.size()));
}

asio::ip::address take_address(byte_reader& r, bool v6) {
  if (v6) return asio::ip::address_v6(take_octets<16>(r));
  return asio::ip::address_v4(take_octets<4>(r));
}

// A version and a command, a family and a protocol, the length of what follows, which are addresses, ports,
// and more that is skipped.
step read_binary(const_bytes received) {
  if (received.size() < binary_fixed) return needs(binary_fixed - received.size());
  byte_reader r(received.subspan(binary_begin.size()));
  const auto version_and_command = r.number(1), family = r.number(1);
  const std::size_t whole = binary_fixed + r.size(2);
  if (version_and_command >> 4 != 2 || (version_and_command & 15) > 1 || whole > max_proxy_header)
    return broken();
  if (received.size() < whole) return needs(whole - received.size());
  const bool local = (version_and_command & 15) == 0;
  if (local || (family != 0x11 && family != 0x21)) return complete({});
  const bool v6 = family == 0x21;
  const auto source = take_address(r, v6), gateway = take_address(r, v6);
  const auto source_port = static_cast<std::uint16_t>(r.number(2)),
             gateway_port = static_cast<std::uint16_t>(r.number(2));
  if (!r.good()) return broken();
  return complete(proxied_ends{{source, source_port}, {gateway, gateway_port}});
}

}  // namespace

const std::error_category& proxy_header_category() noexcept {
  static const proxy_header_errors instance;
  return instance;
}

proxy_header_step read_proxy_header(const_bytes received) {
  const std::string_view in = as_text(received);
  const auto begins = [in](std::string_view with) { return with.starts_with(in.substr(0, with.size())); };
  if (begins(line_begin) && !in.empty()) return read_text(in);
  if (!begins(binary_begin)) return broken();
  return in.empty() ? needs(std::min(shortest_line.size(), binary_fixed)) : read_binary(received);
}

}  // namespace muxpro::proxy
