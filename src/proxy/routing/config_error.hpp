// A mistake of a configuration as one sentence. Callers add the place in front.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace muxpro::proxy {

/// Throws "FIELD is 'TEXT', MISTAKE", unless the mistake is empty.
inline void check(std::string_view field, std::string_view text, std::string_view mistake) {
  if (!mistake.empty()) throw std::invalid_argument(fmt::format("{} is '{}', {}", field, text, mistake));
}

/// Puts `place` in front of a mistake that `build` throws.
template <class Build>
void with_error_prefix(const std::string& place, Build build) {
  try {
    build();
  } catch (const std::invalid_argument& mistake) {
    throw std::invalid_argument(place + mistake.what());
  }
}

}  // namespace muxpro::proxy
