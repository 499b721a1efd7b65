// Where bytes go that are not to be kept. Ring 2.
#pragma once

#include <muxpro/detail/buffers.hpp>

#include <cstddef>

namespace muxpro::detail {

class sink {
 public:
  /// Takes as many of the first bytes as it can without waiting, and returns how many; fewer than all: it is
  /// full, or broken. Calls nobody back.
  virtual std::size_t take(const write_buffers& data) = 0;

 protected:
  ~sink() = default;
};

}  // namespace muxpro::detail
