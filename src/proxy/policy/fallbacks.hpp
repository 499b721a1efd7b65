// fallbacks, which chooses the server for a client that does not use an inbound's protocol, such as a
// browser. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/proxy/stream_socket.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

struct fallback {
  std::string name;           ///< in the TLS name of the client, empty for any
  std::string alpn;           ///< the protocol that TLS has agreed on, empty for any
  std::string path;           ///< of an HTTP/1 request, empty for any
  stream_address to;          ///< the server
  unsigned proxy_header = 0;  ///< the version of PROXY protocol's header for it, 0 for no header
};

/// Chooses as Xray does, by name, then alpn, then path, each exactly or else by the entry for any. Of names
/// that are only a part of the client's, the longest is chosen. An entry for a name also has the entries for
/// any name, unless it has its own for the same alpn and path. An entry for an alpn likewise has those for
/// any alpn.
class fallbacks {
 public:
  /// Of entries with the same name, alpn and path the last one counts.
  explicit fallbacks(std::vector<fallback> all);

  /// `received` is what the client has sent. Returns null if there is no fallback for it.
  const fallback* find(std::string_view name, std::string_view alpn, const_bytes received) const;

 private:
  using by_path = std::map<std::string, fallback, std::less<>>;
  using by_alpn = std::map<std::string, by_path, std::less<>>;
  using by_name = std::map<std::string, by_alpn, std::less<>>;

  const by_alpn* find_name(std::string_view name) const;

  by_name all_;
};

}  // namespace muxpro::proxy
