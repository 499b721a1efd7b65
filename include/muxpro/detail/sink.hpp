// sink, which takes bytes as they arrive, without a copy. Ring 2.
#pragma once

#include <muxpro/detail/buffers.hpp>

#include <cstddef>

namespace muxpro::detail {

class sink {
 public:
  /// Takes as many of the first bytes as it can without waiting, and returns how many. Fewer than all means
  /// that it is full or broken. It calls no handler.
  virtual std::size_t take(const write_buffers& data) = 0;

 protected:
  ~sink() = default;
};

}  // namespace muxpro::detail
