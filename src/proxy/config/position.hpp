// position_of(): line and column of the value at a path of a configuration. Ring 4, a rule without I/O.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace muxpro::proxy {

struct text_position {
  std::size_t line = 0, column = 0;  ///< counted from 1, 0 if there is no such place
};
/// `path` as in config_mistake. Of a path whose last parts are not there, the position of the object around.
text_position position_of(std::string_view json, std::string_view path);

struct setting;
/// Returns the tag of the inbound, the outbound, or the balancer that `path` leads into. Empty if it has no
/// tag.
std::string tag_at(const setting& root, std::string_view path);

}  // namespace muxpro::proxy
