// Where bytes go that are not to be kept. Ring 1.
#pragma once

#include <muxpro/codec.hpp>

#include <cstddef>

namespace muxpro::detail {

class sink {
 public:
  /// Takes as many of the first bytes as it can without waiting, and returns how many; fewer than all: it is
  /// full, or broken. Calls nobody back.
  virtual std::size_t take(const_bytes data) = 0;

 protected:
  ~sink() = default;
};

}  // namespace muxpro::detail
