// Sub-streams by id: two array look-ups, memory only for the pages in use. Ring 1.
#pragma once

#include <muxpro/frame.hpp>

#include <array>
#include <cassert>
#include <cstddef>
#include <memory>

namespace muxpro::detail {

template <class T>
class stream_table {
 public:
  T* find(stream_id id) const noexcept {
    const auto& p = pages_[id >> 8];
    return p ? p->slots[id & 255] : nullptr;
  }
  void insert(stream_id id, T& value) {
    auto& p = pages_[id >> 8];
    if (!p) p = spare_ ? std::move(spare_) : std::make_unique<page>();
    assert(!p->slots[id & 255]);
    p->slots[id & 255] = &value;
    ++p->used;
    ++size_;
  }
  void erase(stream_id id) noexcept {
    auto& p = pages_[id >> 8];
    assert(p && p->slots[id & 255]);
    p->slots[id & 255] = nullptr;
    --size_;
    if (--p->used == 0) spare_ = std::move(p);  // one page is kept for the next open
  }
  std::size_t size() const noexcept { return size_; }

  /// `visit` may erase the entry it is given, and no other.
  template <class F>
  void for_each(F visit) {
    for (std::size_t high = 0; high < pages_.size(); ++high)
      for (std::size_t low = 0; pages_[high] && low < 256; ++low)
        if (T* value = pages_[high]->slots[low]) visit(*value);
  }

 private:
  struct page {
    std::array<T*, 256> slots{};
    std::size_t used = 0;
  };
  std::array<std::unique_ptr<page>, 256> pages_;
  std::unique_ptr<page> spare_;
  std::size_t size_ = 0;
};

}  // namespace muxpro::detail
