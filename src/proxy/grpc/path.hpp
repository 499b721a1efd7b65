// The paths of a service, from how configurations name it. Ring 4, a rule.
#pragma once

#include <string>
#include <string_view>

namespace muxpro::proxy {

/// The paths of the two methods that carry a connection, by messages with one field, or with many.
struct grpc_paths {
  std::string one, many;
};

/// "name": /name/Tun and /name/TunMulti. "/a/b/one|many": /a/b/one and /a/b/many. "/a/b/one": both are
/// /a/b/one. The parts are escaped, as those of a URL.
grpc_paths grpc_paths_of(std::string_view service);

}  // namespace muxpro::proxy
