// Sub-streams by id: array look-ups, memory only for the pages in use. Ring 1.
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
    if (!pages_) return nullptr;
    const auto& p = (*pages_)[id >> 8];
    return p ? p->slots[id & 255] : nullptr;
  }
  void insert(stream_id id, T& value) {
    if (!pages_) pages_ = std::make_unique<pages>();
    auto& p = (*pages_)[id >> 8];
    if (!p) p = spare_ ? std::move(spare_) : std::make_unique<page>();
    assert(!p->slots[id & 255]);
    p->slots[id & 255] = &value;
    ++p->used;
    ++size_;
  }
  void erase(stream_id id) noexcept {
    auto& p = (*pages_)[id >> 8];
    assert(p && p->slots[id & 255]);
    p->slots[id & 255] = nullptr;
    --size_;
    if (--p->used == 0) spare_ = std::move(p);  // one page is kept for the next open
  }
  std::size_t size() const noexcept { return size_; }

  /// `visit` may erase the entry it is given, and no other.
  template <class F>
  void for_each(F visit) {
    if (!pages_) return;
    for (const auto& p : *pages_)
      for (std::size_t low = 0; p && low < 256; ++low)
        if (T* value = p->slots[low]) visit(*value);
  }

 private:
  struct page {
    std::array<T*, 256> slots{};
    std::size_t used = 0;
  };
  using pages = std::array<std::unique_ptr<page>, 256>;
  std::unique_ptr<pages> pages_;  ///< from the first sub-stream on
  std::unique_ptr<page> spare_;
  std::size_t size_ = 0;
};

}  // namespace muxpro::detail
