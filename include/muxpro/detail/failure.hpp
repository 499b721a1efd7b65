// error_of_failure(): the error_code of a coroutine that ended by an exception. text_of_failure(): its text.
#pragma once

#include <muxpro/error.hpp>

#include <exception>
#include <new>
#include <string>
#include <system_error>

namespace muxpro::detail {

/// `other` is for exceptions without a code.
inline std::error_code error_of_failure(
    std::exception_ptr failure, std::error_code other = std::make_error_code(std::errc::io_error)) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& e) {
    return e.code();
  } catch (const std::bad_alloc&) {
    return errc::no_memory;
  } catch (...) {
    return other;
  }
}

/// The text of an exception, at most 256 bytes of it.
inline std::string text_of_failure(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    return std::string(e.what()).substr(0, 256);
  } catch (...) {
    return "an exception of an unknown type";
  }
}

}  // namespace muxpro::detail
