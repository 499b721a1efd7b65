// Ranges of numbers in configurations. Ring 4, a rule without I/O.
#pragma once

#include "proxy/base/number_range.hpp"

#include <muxpro/proxy/settings.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace muxpro::proxy {

/// A number, or two with '-' between them.
inline bool read_range(settings& s, const setting_key& key, number_range& to, std::uint32_t most,
                       std::uint32_t least = 0) {
  std::string text;
  if (!s.text_or_number(key, text)) return false;
  const auto range = number_range::parse(text);
  const bool good = range && range->least >= least && range->most <= most;
  if (good)
    to = *range;
  else
    s.wrong(key.name,
            fmt::format("is '{}'; it must be a number {} {}, or two with '-' between them", sanitized(text),
                        least > 0 ? fmt::format("from {} to", least) : "up to", most));
  return good;
}

}  // namespace muxpro::proxy
