#pragma once

#include <muxpro/buffer_budget.hpp>

#include <algorithm>
#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace muxpro {

MUXPRO_DECL std::shared_ptr<buffer_budget> process_wide_budget() {
  static const auto instance = [] {
    std::uint64_t limit = 512ull << 20;
#if defined(_SC_PHYS_PAGES)
    const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0)
      limit = std::min(limit, static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size) / 4);
#endif
    return std::make_shared<buffer_budget>(limit);
  }();
  return instance;
}

}  // namespace muxpro
