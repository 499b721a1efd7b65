#pragma once

#include <muxpro/detail/initiation.hpp>

#include <asio/system_executor.hpp>

namespace muxpro::detail {

MUXPRO_DECL const asio::any_io_executor& executor_of_none() noexcept {
  static const asio::any_io_executor none{asio::system_executor()};
  return none;
}

}  // namespace muxpro::detail
