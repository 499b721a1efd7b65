// How much more time something takes than something smaller: a ratio that no machine and no build changes
// much.
#pragma once

#include <algorithm>
#include <ctime>
#include <limits>

namespace rules_test {

/// CPU time of a call: the least of some, which is what the others do not disturb.
template <class Work>
double least_time(Work work) {
  double least = std::numeric_limits<double>::max();
  for (int i = 0; i < 5; ++i) {
    const std::clock_t begin = std::clock();
    work();
    least = std::min(least, static_cast<double>(std::clock() - begin));
  }
  return std::max(least, 1.0);
}

template <class Large, class Small>
double time_ratio(Large large, Small small) {
  const double divisor = least_time(small);
  return least_time(large) / divisor;
}

/// Of a hundred times as many rules, or a thousand. That they are gone through takes as many times as long.
inline constexpr double not_gone_through = 10;

}  // namespace rules_test
