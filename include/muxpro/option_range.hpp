// option_range, which checks options against their bounds and makes one sentence for the first that is
// outside. Ring 0.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <initializer_list>
#include <string>

namespace muxpro {

template <class T>
struct option_range {
  const char* name;
  T value, least, most;
};

template <class T>
std::string out_of_range(std::initializer_list<option_range<T>> ranges) {
  for (const auto& r : ranges)
    if (!(r.value >= r.least && r.value <= r.most))  // so that NaN is out of range, too
      return fmt::format("{} is {}, it must be {} to {}", r.name, r.value, r.least, r.most);
  return {};
}

template <class Rep, class Period>
double seconds_of(std::chrono::duration<Rep, Period> d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace muxpro
