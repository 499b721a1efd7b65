// What the tests with I/O share: running a coroutine under a watchdog, results without exceptions, test
// bytes.
#pragma once

#include <muxpro/detail/asio.hpp>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#if __has_include(<asio/as_tuple.hpp>)
#include <asio/as_tuple.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace test {

using namespace std::chrono_literals;

using muxpro::error_code;
using byte_string = std::vector<std::byte>;

/// `auto [error, n] = co_await pipe.async_read_some(buffers, test::as_result);`
#if __has_include(<asio/as_tuple.hpp>)
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};
#else
inline constexpr asio::experimental::as_tuple_t<asio::use_awaitable_t<>> as_result{};
#endif

/// How long a test may take in real time before it counts as hanging.
inline constexpr std::chrono::nanoseconds watchdog = 60s;

/// Runs `context` until `done()`. Throws if nothing is left to run before, or after `at_most`.
template <class Done>
void run_until(asio::io_context& context, Done done, std::chrono::nanoseconds at_most = watchdog) {
  const auto limit = std::chrono::steady_clock::now() + at_most;
  context.restart();
  while (!done()) {
    if (context.run_one_until(limit) != 0) continue;
    if (context.stopped()) throw std::runtime_error("the context ran out of work before the test was done");
    throw std::runtime_error("the test hangs");
  }
}

/// Runs `work` to its end; returns its value or throws its exception. Other work of the context may be left
/// over.
template <class T>
T run(asio::io_context& context, asio::awaitable<T> work, std::chrono::nanoseconds at_most = watchdog) {
  struct outcome {
    bool done = false;
    std::exception_ptr error;
    std::conditional_t<std::is_void_v<T>, std::optional<int>, std::optional<T>> value;
  };
  // Shared, because the coroutine outlives a call that gives up.
  auto out = std::make_shared<outcome>();
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(context, std::move(work), [out](std::exception_ptr error) {
      out->done = true;
      out->error = error;
    });
  } else {
    asio::co_spawn(context, std::move(work), [out](std::exception_ptr error, T value) {
      out->done = true;
      out->error = error;
      out->value.emplace(std::move(value));
    });
  }
  run_until(
      context, [out] { return out->done; }, at_most);
  if (out->error) std::rethrow_exception(out->error);
  if constexpr (!std::is_void_v<T>) return std::move(*out->value);
}

/// Byte `i` of this stream; the period is a prime, so that a shift by any buffer size shows.
inline std::byte pattern_at(std::uint64_t i) noexcept { return static_cast<std::byte>(i % 251); }

inline void fill_pattern(std::span<std::byte> out, std::uint64_t from = 0) noexcept {
  for (std::byte& b : out) b = pattern_at(from++);
}

inline byte_string pattern(std::size_t n, std::uint64_t from = 0) {
  byte_string out(n);
  fill_pattern(out, from);
  return out;
}

inline bool has_pattern(std::span<const std::byte> in, std::uint64_t from = 0) noexcept {
  for (const std::byte b : in) {
    if (b != pattern_at(from++)) return false;
  }
  return true;
}

template <class Random>
byte_string random_bytes(Random& random, std::size_t n) {
  byte_string out(n);
  for (std::byte& b : out) b = static_cast<std::byte>(random());
  return out;
}

inline byte_string to_bytes(std::string_view text) {
  const auto all = std::as_bytes(std::span(text));
  return {all.begin(), all.end()};
}

inline std::string to_text(std::span<const std::byte> in) {
  return {reinterpret_cast<const char*>(in.data()), in.size()};
}

}  // namespace test
