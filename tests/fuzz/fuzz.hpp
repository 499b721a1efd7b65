// What the fuzz targets share: a promise that must hold, bytes that decide, handlers that are counted.
//
// A target is a function of its input alone: no real time, no address, no thread. FUZZ_TARGET(name) makes it
// libFuzzer's entry in its own program, and muxpro_fuzz::name() for replay.cpp, which links all targets.
#pragma once

#include <muxpro/codec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#if defined(MUXPRO_FUZZING)
#define FUZZ_TARGET(name)                                                             \
  namespace muxpro_fuzz {                                                             \
  static void name(muxpro::const_bytes);                                              \
  }                                                                                   \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    muxpro_fuzz::name(std::as_bytes(std::span(data, size)));                          \
    return 0;                                                                         \
  }                                                                                   \
  static void muxpro_fuzz::name(muxpro::const_bytes in)
#else
#define FUZZ_TARGET(name)         \
  namespace muxpro_fuzz {         \
  void name(muxpro::const_bytes); \
  }                               \
  void muxpro_fuzz::name(muxpro::const_bytes in)
#endif

namespace fuzz {

using muxpro::const_bytes;
using byte_string = std::vector<std::byte>;

inline void must(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

/// Bytes that decide what happens. At their end everything is 0, so that a prefix of an input is an input.
class choices {
 public:
  explicit choices(const_bytes from) noexcept : left_(from) {}

  bool over() const noexcept { return left_.empty(); }

  std::uint8_t byte() noexcept {
    if (left_.empty()) return 0;
    const auto b = std::to_integer<std::uint8_t>(left_.front());
    left_ = left_.subspan(1);
    return b;
  }
  bool flag() noexcept { return (byte() & 1) != 0; }
  std::size_t below(std::size_t n) noexcept { return byte() % n; }
  std::uint16_t word() noexcept {
    const int high = byte() << 8;
    return static_cast<std::uint16_t>(high | byte());
  }
  /// Mostly small, up to 70,000: beyond a window and beyond the largest frame.
  std::size_t size() noexcept {
    const std::size_t b = byte();
    if (b < 128) return b;
    return b < 240 ? (b - 127) * 17 : (b - 239) * 4400;
  }

 private:
  const_bytes left_;
};

/// An input for a session: one byte is the number of bytes of choices that follow, the rest is for the wire.
struct script {
  explicit script(const_bytes in) : decide(const_bytes()), wire(in) {
    if (in.empty()) return;
    const auto n = std::min(std::to_integer<std::size_t>(in[0]) * 2, in.size() - 1);
    decide = choices(in.subspan(1, n));
    wire = in.subspan(1 + n);
  }

  choices decide;
  const_bytes wire;
};

/// What became of the handlers: each is called once, or dropped with its context.
struct tally {
  std::size_t begun = 0, called = 0, dropped = 0;
};

template <class Then>
class counted {
 public:
  counted(tally& t, Then then) : tally_(&t), then_(std::move(then)) { ++t.begun; }
  counted(counted&& other) noexcept
      : tally_(std::exchange(other.tally_, nullptr)), then_(std::move(other.then_)) {}
  ~counted() {
    if (tally_) ++tally_->dropped;
  }

  template <class... Args>
  void operator()(Args&&... args) {
    must(tally_ != nullptr, "a handler is called once");
    ++std::exchange(tally_, nullptr)->called;
    then_(std::forward<Args>(args)...);
  }

 private:
  tally* tally_;
  Then then_;
};

}  // namespace fuzz
