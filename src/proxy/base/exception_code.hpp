// Exceptions as error codes.
#pragma once

#include <muxpro/error.hpp>

#include <exception>
#include <system_error>

namespace muxpro::proxy {

/// The code of a std::system_error, errc::out_of_room for any other exception.
inline std::error_code code_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::system_error& e) {
    return e.code();
  } catch (...) {
    return errc::out_of_room;
  }
}

}  // namespace muxpro::proxy
