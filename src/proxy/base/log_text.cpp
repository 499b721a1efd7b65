#include "proxy/base/log_text.hpp"

#include <muxpro/proxy/stream_socket.hpp>

#include <fmt/format.h>

namespace muxpro::proxy {

std::string percent_encoded(std::string_view name) {
  std::string word;
  for (const char c : name) {
    if (c > ' ' && c < '\x7f' && c != '%')
      word += c;
    else
      word += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return word;
}

std::string shown_client(const asio::ip::address& source, const std::string& user) {
  return shown_source(source) + (user.empty() ? "" : " user " + percent_encoded(user));
}

}  // namespace muxpro::proxy
