#include "proxy/grpc/path.hpp"

namespace muxpro::proxy {

namespace {

// What Go's url.PathEscape() leaves as it is.
bool stays(char c) noexcept {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || std::string_view("-_.~$&+=:@").find(c) != std::string_view::npos;
}

std::string escaped(std::string_view part) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (stays(c))
      out += c;
    else
      (((out += '%') += digits[byte >> 4]) += digits[byte & 15]);
  }
  return out;
}

std::string escaped_parts(std::string_view parts) {
  std::string out;
  for (;;) {
    const std::size_t end = parts.find('/');
    out += escaped(parts.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += '/';
    parts.remove_prefix(end + 1);
  }
}

}  // namespace

grpc_paths grpc_paths_of(std::string_view service) {
  if (!service.starts_with('/')) {
    const std::string name = '/' + escaped(service);
    return {name + "/Tun", name + "/TunMulti"};
  }
  const std::size_t last = service.rfind('/');
  std::string folder = "/";
  if (last > 1) folder += escaped_parts(service.substr(1, last - 1));
  folder += '/';
  const std::string_view methods = service.substr(last + 1);
  const std::size_t bar = methods.find('|');
  const std::string one = escaped(methods.substr(0, bar));
  if (bar == std::string_view::npos) return {folder + one, folder + one};
  const std::string_view many = methods.substr(bar + 1);
  return {folder + one, folder + escaped(many.substr(0, many.find('|')))};
}

}  // namespace muxpro::proxy
