// What a coroutine that ended by an exception means as an error_code.
#pragma once

#include <muxpro/error.hpp>

#include <exception>
#include <new>
#include <system_error>

namespace muxpro::detail {

inline std::error_code error_of_failure(std::exception_ptr failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& e) {
    return e.code();
  } catch (const std::bad_alloc&) {
    return errc::no_memory;
  } catch (...) {
    return std::make_error_code(std::errc::io_error);
  }
}

}  // namespace muxpro::detail
