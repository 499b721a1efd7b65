// Stream sockets of either kind, TCP or unix, as one type: what they connect to or listen on, and what is set
// on them. Ring 4.
#pragma once

#include <muxpro/destination.hpp>
#include <muxpro/options.hpp>

#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace muxpro::proxy {

using stream_socket = asio::generic::stream_protocol::socket;
using stream_endpoint = asio::generic::stream_protocol::endpoint;

/// A place as users write it: HOST:PORT, [IPV6]:PORT or unix:PATH. A host may be a name. A path that begins
/// with '@' is a name in Linux's abstract namespace, without a file; one that begins with "@@" is the same,
/// padded with zero bytes to the full length of a path, as haproxy has it.
struct stream_address {
  stream_address() = default;
  explicit stream_address(host_port where) : at(std::move(where)) {}
  /// Empty if it is none of the three. A path is not empty, and the kernel has room for it.
  static std::optional<stream_address> parse(std::string_view text);
  static std::optional<stream_address> unix_path(std::string_view path);

  bool is_unix() const noexcept { return !path.empty(); }
  friend bool operator==(const stream_address&, const stream_address&) = default;

  host_port at;
  std::string path;  ///< of a unix socket; empty: TCP
};

std::string to_string(const stream_address& a);

/// A place to listen on: HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH,MODE.
struct listening_address {
  /// Empty if it is none of the four. MODE is octal, from 0 to 0777. An abstract name has none.
  static std::optional<listening_address> parse(std::string_view text);

  stream_address at;
  std::optional<std::uint32_t> mode;  ///< see socket_options::file_mode
};

/// Of a unix socket. The path must be valid.
stream_endpoint unix_endpoint(const std::string& path);
bool is_unix(const stream_endpoint& e) noexcept;
/// The path of a unix socket's file; empty if there is no file.
std::string socket_file(const stream_endpoint& e);
/// Whether more than this machine can connect to it.
bool reaches_others(const stream_endpoint& e) noexcept;
/// 0.0.0.0 and port 0 of a unix socket.
asio::ip::tcp::endpoint to_tcp(const stream_endpoint& e) noexcept;
/// As stream_address::parse() reads it.
std::string to_string(const stream_endpoint& e);

/// A source for the log: a unix socket has none.
std::string shown_source(const asio::ip::address& source);

/// Does nothing where the kernel or the kind of socket does not know an option.
struct socket_options {
  socket_options() = default;

  /// TCP_NODELAY: frames come in batches already; waiting for more to fill a segment only costs time.
  bool no_delay = true;
  /// Data with the SYN (RFC 7413), where the kernel allows it. An attempt to connect then seems to succeed at
  /// once, so that a further address is not tried beside it.
  bool fast_open = false;
  /// Connections whose first data came with their SYN, of which a listener holds so many.
  std::uint32_t fast_open_queue = 256;
  /// TCP over several paths (RFC 8684), where the kernel has it.
  bool multipath = false;
  /// SO_MARK, for rules of the kernel; 0: none. Needs CAP_NET_ADMIN.
  std::uint32_t mark = 0;
  /// SO_BINDTODEVICE: the name of the interface; empty: any.
  std::string interface;
  /// Of a client: the address of this machine that it connects from; nothing: any.
  std::optional<asio::ip::address> source;
  /// TCP_CONGESTION; empty: the system's.
  std::string congestion;
  /// TCP_MAXSEG and TCP_WINDOW_CLAMP, in bytes; 0: the system's.
  std::uint32_t max_segment = 0, window_clamp = 0;
  /// Of a listener on an address of IPv6: takes no clients of IPv4.
  bool v6_only = false;
  /// After so long without traffic the peer is asked whether it lives, and again each interval; 0: never.
  duration keep_alive_idle{0};
  duration keep_alive_interval = std::chrono::seconds(15);
  /// TCP_USER_TIMEOUT: lost without an acknowledgement of sent bytes; 0: what the kernel thinks, 15 minutes.
  duration user_timeout{0};
  /// Of a listener: takes connections that TPROXY hands to it, whatever address they are meant for. Needs
  /// CAP_NET_ADMIN.
  bool transparent = false;
  /// Of a listener on a unix socket: the permissions of its file, which has them before a client can connect.
  /// None: the umask of the process decides.
  std::optional<std::uint32_t> file_mode;

  /// Empty if every value makes sense, else one sentence that names the option and its bounds.
  std::string validate() const;
};

/// For connections between two proxies, which have to notice that the other one is gone.
socket_options keepalive_socket();

/// `socket` is a descriptor: before it connects, or before it listens, so that those it accepts have them.
void set_options(int socket, const socket_options& o) noexcept;
/// Before it is bound or connects: mark and interface, without which it would go another way. Returns why one
/// could not be set.
std::error_code set_way(int socket, const socket_options& o) noexcept;
/// Before it is bound. Throws std::system_error if an option cannot be set.
void set_listening_options(int socket, const socket_options& o);
/// A TCP socket of the family AF_INET or AF_INET6, over several paths if that is wanted and possible. Returns
/// -1, and errno is the reason, without one.
int make_tcp_socket(int family, const socket_options& o) noexcept;

}  // namespace muxpro::proxy
