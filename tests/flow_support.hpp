// What the tests of flows and hand-overs share: a sink that fills up, and an operation under observation.
#pragma once

#include "support.hpp"

#include <muxpro/detail/sink.hpp>

#include <asio/bind_cancellation_slot.hpp>

#include <algorithm>
#include <cstddef>

namespace test {

/// Takes so many bytes, then it is full.
struct bounded_sink final : muxpro::detail::sink {
  std::size_t take(const muxpro::detail::write_buffers& data) override {
    const std::size_t n = std::min(room, data.size());
    room -= n;
    data.each(0, n, [this](asio::const_buffer part) {
      const auto* const bytes = static_cast<const std::byte*>(part.data());
      got.insert(got.end(), bytes, bytes + part.size());
    });
    ++times;
    return n;
  }
  std::size_t room = ~std::size_t{0};
  std::size_t times = 0;
  byte_string got;
};

/// A read or a write that can be cancelled.
struct operation {
  auto handler() {
    pending = true;
    return asio::bind_cancellation_slot(stop.slot(), [this](error_code e, std::size_t transferred) {
      pending = false;
      error = e;
      n = transferred;
    });
  }
  bool ended(error_code e, std::size_t transferred) const {
    return !pending && error == e && n == transferred;
  }

  asio::cancellation_signal stop;
  bool pending = false;
  error_code error;
  std::size_t n = 0;
};

}  // namespace test
