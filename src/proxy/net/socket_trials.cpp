#include "proxy/net/socket_trials.hpp"

#include "proxy/net/unique_fd.hpp"

#include <muxpro/proxy/settings.hpp>

#include <fmt/format.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

/// Options on one socket, and those that it refuses.
class socket_trials {
 public:
  template <class Value>
  bool sets(int level, int name, const Value* value, std::size_t size) {
    return ::setsockopt(socket_.get(), level, name, value, static_cast<socklen_t>(size)) == 0;
  }
  bool sets(int level, int name, int value) { return sets(level, name, &value, sizeof value); }
  bool sets(int level, int name, const std::string& value) {
    return sets(level, name, value.c_str(), value.size());
  }
  /// Why the last one was refused.
  static std::string reason() { return std::strerror(errno); }
  void refuse(const char* key, std::string sentence, bool essential = false) {
    refused.push_back({key, std::move(sentence), essential});
  }

  void try_route_options(const socket_options& o);
  void try_tcp(const socket_options& o);

  std::vector<refused_option> refused;

 private:
  const unique_fd socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

std::string needed_right(const std::string& what) {
  const bool may_not = errno == EPERM;
  return fmt::format("{}, which this process cannot set: {}{}", what, socket_trials::reason(),
                     may_not ? "; it needs CAP_NET_ADMIN" : "");
}

void socket_trials::try_route_options(const socket_options& o) {
  if (o.mark != 0 && !sets(SOL_SOCKET, SO_MARK, static_cast<int>(o.mark)))
    refuse("mark", needed_right(fmt::format("is {}", o.mark)), true);
  if (o.transparent && !sets(IPPROTO_IP, IP_TRANSPARENT, 1))
    refuse("tproxy", needed_right("is tproxy"), true);
  if (!o.interface.empty() && !sets(SOL_SOCKET, SO_BINDTODEVICE, o.interface))
    refuse("interface",
           fmt::format("is '{}', to which no socket can be bound now: {}", sanitized(o.interface), reason()));
}

void socket_trials::try_tcp(const socket_options& o) {
  const auto whole = [](std::uint32_t n) { return static_cast<int>(n); };
  if (!o.congestion.empty() && !sets(IPPROTO_TCP, TCP_CONGESTION, o.congestion))
    refuse("tcpCongestion", fmt::format("is '{}', which this kernel does not have: {}; connections have the "
                                        "system's algorithm",
                                        sanitized(o.congestion), reason()));
  if (o.max_segment > 0 && !sets(IPPROTO_TCP, TCP_MAXSEG, whole(o.max_segment)))
    refuse("tcpMaxSeg",
           fmt::format("is {}, which this kernel does not take: {}; segments have the system's size",
                       o.max_segment, reason()));
  if (o.window_clamp > 0 && !sets(IPPROTO_TCP, TCP_WINDOW_CLAMP, whole(o.window_clamp)))
    refuse("tcpWindowClamp",
           fmt::format("is {}, which this kernel does not take: {}; windows have the system's size",
                       o.window_clamp, reason()));
}

bool has_multipath() {
  socket_options wanted;
  wanted.multipath = true;
  const unique_fd made(make_tcp_socket(AF_INET, wanted));
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return made && ::getsockopt(made.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
         protocol != IPPROTO_TCP;
}

}  // namespace

std::vector<refused_option> refused_options(const socket_options& o) {
  socket_trials t;
  t.try_route_options(o);
  t.try_tcp(o);
  if (o.multipath && !has_multipath())
    t.refuse("tcpMptcp", "is true, and this kernel has no MPTCP: connections have one path");
  return std::move(t.refused);
}

void require_options(const socket_options& o, const std::string& tag) {
  for (const refused_option& r : refused_options(o))
    if (r.essential) throw std::runtime_error(fmt::format("{}: sockopt.{} {}", tag, r.key, r.sentence));
}

}  // namespace muxpro::proxy
