// Uses the installed package: a frame to bytes and back.
#include <muxpro/codec.hpp>

#include <cstdio>
#include <exception>
#include <stdexcept>

namespace {

void self_test() {
  const auto wire = muxpro::encoded(muxpro::keep_alive{});
  muxpro::decoder decoder;
  const auto step = decoder.next(wire);
  if (step.what != muxpro::decoder::status::header || step.consumed != wire.size())
    throw std::runtime_error("a frame did not survive the codec");
}

}  // namespace

int main() try {
  self_test();
  std::puts("OK");
} catch (const std::exception& e) {
  std::fprintf(stderr, "forwarder: %s\n", e.what());
  return 1;
}
