// The files that a configuration names, tried without a proxy.
#include <muxpro/proxy/configured_proxy.hpp>

#include "proxy/config/config.hpp"
#include "proxy/net/local_addresses.hpp"
#include "proxy/net/socket_trials.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

void check_transport(const stream_config& s, std::string path, config_mistakes& to) {
  try {
    for (const transport_factory* p : {&s.security, &s.carrier})
      if (p->make) p->make();
  } catch (const std::exception& e) {
    to.add(std::move(path), sanitized(e.what(), 600));
  }
}

// The proxy may run with other rights than the check.
void check_options(const stream_config& s, const std::string& path, config_mistakes& to) {
  for (refused_option& r : refused_options(s.socket))
    to.note(fmt::format("{}.sockopt.{}", path, r.key), std::move(r.sentence));
}

void check_stream(const stream_config& s, std::string path, config_mistakes& to) {
  check_options(s, path, to);
  check_transport(s, std::move(path), to);
}

// Another machine may have the address.
void check_address(const stream_endpoint& at, std::string path, config_mistakes& to) {
  if (is_unix(at)) return;
  const asio::ip::address a = to_tcp(at).address();
  const auto all = local_addresses();
  if (a.is_unspecified() || a.is_loopback() || std::find(all.begin(), all.end(), a) != all.end()) return;
  to.note(std::move(path), fmt::format("is {}, which is not an address of this machine", a.to_string()));
}

/// The number of the system's error if no lines can be appended to a file, else 0. It need not be there, nor
/// its folders.
int obstacle_to_lines(const std::string& file) {
  std::error_code none;
  if (std::filesystem::is_directory(file, none)) return EISDIR;
  std::filesystem::path tried(file);
  while (!tried.empty() && ::access(tried.c_str(), F_OK) != 0) tried = tried.parent_path();
  if (tried.empty()) tried = ".";
  if (tried != file && !std::filesystem::is_directory(tried, none)) return ENOTDIR;
  return ::access(tried.c_str(), W_OK) == 0 ? 0 : errno;
}

void check_log_file(const std::string& file, std::string path, config_mistakes& to) {
  if (file.empty()) return;
  if (const int obstacle = obstacle_to_lines(file); obstacle != 0)
    to.add(std::move(path),
           fmt::format("is '{}', which cannot be written: {}", sanitized(file), std::strerror(obstacle)));
}

}  // namespace

void check_files(const config& c, config_mistakes& to) {
  for (std::size_t i = 0; i < c.inbounds.size(); ++i)
    check_stream(c.inbounds[i].stream, fmt::format("inbounds[{}].streamSettings", i), to);
  for (std::size_t i = 0; i < c.inbounds.size(); ++i)
    check_address(c.inbounds[i].at, fmt::format("inbounds[{}].listen", i), to);
  check_log_file(c.log.file, "log.error", to);
  if (c.log.access) check_log_file(*c.log.access, "log.access", to);
  for (std::size_t i = 0; i < c.outbounds.size(); ++i)
    check_stream(c.outbounds[i].stream, fmt::format("outbounds[{}].streamSettings", i), to);
}

}  // namespace muxpro::proxy
