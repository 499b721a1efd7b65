// stream_socket, one type for TCP and unix stream sockets, with their addresses and options. Ring 4.
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

/// An address as users write it, that is HOST:PORT, [IPV6]:PORT or unix:PATH. A host may be a name. A path
/// that begins with '@' is a name in Linux's abstract namespace, without a file. A path that begins with "@@"
/// is the same, padded with zero bytes to the full length of a path, as haproxy has it.
struct stream_address {
  stream_address() = default;
  explicit stream_address(host_port where) : at(std::move(where)) {}
  /// Returns nothing if `text` has none of these forms, or if a path is empty or too long for the kernel.
  static std::optional<stream_address> parse(std::string_view text);
  static std::optional<stream_address> unix_path(std::string_view path);

  bool is_unix() const noexcept { return !path.empty(); }
  friend bool operator==(const stream_address&, const stream_address&) = default;

  host_port at;
  std::string path;  ///< of a unix socket, empty for TCP
};

std::string to_string(const stream_address& a);

/// An address to listen on, that is HOST:PORT, [IPV6]:PORT, unix:PATH or unix:PATH,MODE.
struct listening_address {
  /// Returns nothing if `text` has another form. MODE is octal, from 0 to 0777. An abstract name takes no
  /// MODE.
  static std::optional<listening_address> parse(std::string_view text);

  stream_address at;
  std::optional<std::uint32_t> mode;  ///< see socket_options::file_mode
};

/// Returns the endpoint of a unix socket. The path must be valid.
stream_endpoint unix_endpoint(const std::string& path);
bool is_unix(const stream_endpoint& e) noexcept;
/// Returns the path of a unix socket's file. Empty if there is no file.
std::string socket_file(const stream_endpoint& e);
/// Returns whether other machines can connect to it.
bool is_reachable_remotely(const stream_endpoint& e) noexcept;
/// Returns 0.0.0.0 and port 0 for a unix socket.
asio::ip::tcp::endpoint to_tcp(const stream_endpoint& e) noexcept;
/// As stream_address::parse() reads it.
std::string to_string(const stream_endpoint& e);

/// Returns a source as text for the log. A unix socket has no source.
std::string shown_source(const asio::ip::address& source);

/// Options of a socket. An option that the kernel or the kind of socket does not support has no effect.
struct socket_options {
  socket_options() = default;

  /// TCP_NODELAY. Frames are written in batches already, and waiting to fill a segment only costs time.
  bool no_delay = true;
  /// Data with the SYN (RFC 7413), where the kernel allows it. An attempt to connect then seems to succeed at
  /// once, so that a further address is not tried beside it.
  bool fast_open = false;
  /// Connections whose first data came with their SYN, of which a listener holds so many.
  std::uint32_t fast_open_queue = 256;
  /// TCP over several paths (RFC 8684), where the kernel has it.
  bool multipath = false;
  /// SO_MARK, for rules of the kernel. 0 means no mark. Needs CAP_NET_ADMIN.
  std::uint32_t mark = 0;
  /// SO_BINDTODEVICE, the name of the interface. Empty means any interface.
  std::string interface;
  /// For a client, the address of this machine that it connects from. Without a value the kernel chooses it.
  std::optional<asio::ip::address> source;
  /// TCP_CONGESTION. Empty means the system's default.
  std::string congestion;
  /// TCP_MAXSEG and TCP_WINDOW_CLAMP, in bytes. 0 means the system's default.
  std::uint32_t max_segment = 0, window_clamp = 0;
  /// For a listener on an IPv6 address, whether it refuses IPv4 clients.
  bool v6_only = false;
  /// After so long without traffic a keep-alive probe is sent, and again after each interval. 0 means never.
  duration keep_alive_idle{0};
  duration keep_alive_interval = std::chrono::seconds(15);
  /// TCP_USER_TIMEOUT. The connection is lost if sent bytes are not acknowledged for this time. 0 means the
  /// kernel's default, about 15 minutes.
  duration user_timeout{0};
  /// For a listener, whether it accepts connections that TPROXY redirects to it, whatever their address is.
  /// Needs CAP_NET_ADMIN.
  bool transparent = false;
  /// For a listener on a unix socket, the permissions of its file, which has them before a client can
  /// connect. Without a value the umask of the process decides.
  std::optional<std::uint32_t> file_mode;

  /// Returns an empty string if every value is valid, else one sentence that names the option and its bounds.
  std::string validate() const;
};

/// Returns options for connections between two proxies, which have to notice that the peer is gone.
socket_options keepalive_socket();

/// Sets options of the descriptor `socket`. Called before it connects, or before it listens, so that accepted
/// sockets inherit them.
void set_options(int socket, const socket_options& o) noexcept;
/// Sets mark and interface, without which the connection would take another route. Called before the socket
/// is bound or connects. Returns why one could not be set.
std::error_code set_route_options(int socket, const socket_options& o) noexcept;
/// Called before the socket is bound. Throws std::system_error if an option cannot be set.
void set_listening_options(int socket, const socket_options& o);
/// Makes a TCP socket of the family AF_INET or AF_INET6, over several paths if that is wanted and possible.
/// Returns -1 and sets errno if it fails.
int make_tcp_socket(int family, const socket_options& o) noexcept;

}  // namespace muxpro::proxy
