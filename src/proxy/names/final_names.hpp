// The names that a server is asked for in the place of the one that a client gave. Ring 4, a rule without
// I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Returns the names in the order in which they are tried, each in lower case without a trailing dot. A name
/// with a dot, in it or behind it, stands for itself alone. Any other one is completed by each of `domains`,
/// as glibc does it for "ndots:1", before it is tried as it is. Returns no names if `asked` is no host name,
/// because c-ares would read the escapes in it, which block rules do not.
std::vector<std::string> final_names(std::string_view asked, const std::vector<std::string>& domains);

/// Returns whether the name is "localhost" or ends in ".localhost" (RFC 6761 section 6.3). No server is asked
/// for it.
bool is_localhost(std::string_view canonical);

}  // namespace muxpro::proxy
