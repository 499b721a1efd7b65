#include "proxy/api/call.hpp"

#include "proxy/base/byte_reader.hpp"

#include <fmt/format.h>

namespace muxpro::proxy {

void call_reader::take(const_bytes more) {
  if (all_.size() + more.size() > head + most_api_message)
    throw api_refusal(api_code::resource_exhausted,
                      fmt::format("a message has at most {} bytes", most_api_message));
  all_.insert(all_.end(), more.begin(), more.end());
  if (!all_.empty() && all_.front() != std::byte{0})
    throw api_refusal(api_code::unimplemented, "muxpro decompresses no messages");
}

const_bytes call_reader::message() const {
  byte_reader in(all_);
  in.take(1);
  const const_bytes message = in.counted(4);
  if (!in.good() || in.left() > 0)
    throw api_refusal(api_code::invalid_argument, "the call must have exactly one complete message");
  return message;
}

std::string framed_message(std::string_view message) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(message.size() >> shift & 0xff);
  return out.append(message);
}

std::optional<call_path> call_path_of(std::string_view path) {
  constexpr std::string_view xray = "/xray.app.", v2ray = "/v2ray.core.app.";
  const bool is_xray = path.starts_with(xray);
  if (!is_xray && !path.starts_with(v2ray)) return std::nullopt;
  path.remove_prefix(is_xray ? xray.size() : v2ray.size());
  const std::size_t slash = path.find('/'), dot = path.substr(0, slash).rfind('.');
  if (slash == std::string_view::npos || dot == std::string_view::npos) return std::nullopt;
  constexpr struct {
    std::string_view package, service;
  } all[] = {{"stats.command", "StatsService"},
             {"proxyman.command", "HandlerService"},
             {"router.command", "RoutingService"},
             {"log.command", "LoggerService"}};
  const call_path out{path.substr(dot + 1, slash - dot - 1), path.substr(slash + 1)};
  for (const auto& [package, service] : all)
    if (package == path.substr(0, dot) && service == out.service) return out;
  return std::nullopt;
}

std::string grpc_message_of(std::string_view sentence) {
  std::string out;
  for (const char c : sentence) {
    if (c >= ' ' && c <= '~' && c != '%')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace muxpro::proxy
