// stream_table, sub-streams by id, with array look-ups and memory only for the parts in use. Ring 1.
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
    if (!root_) return nullptr;
    const branch* const b = (*root_)[id >> 10].get();
    if (!b) return nullptr;
    const leaf* const l = b->slots[id >> 5 & 31].get();
    return l ? l->slots[id & 31] : nullptr;
  }
  void insert(stream_id id, T& value) {
    if (!root_) root_ = std::make_unique<root>();
    auto& b = (*root_)[id >> 10];
    if (!b) b = spare_branch_ ? std::move(spare_branch_) : std::make_unique<branch>();
    auto& l = b->slots[id >> 5 & 31];
    if (!l) {
      l = spare_leaf_ ? std::move(spare_leaf_) : std::make_unique<leaf>();
      ++b->used;
    }
    assert(!l->slots[id & 31]);
    l->slots[id & 31] = &value;
    ++l->used;
    ++size_;
  }
  void erase(stream_id id) noexcept {
    auto& b = (*root_)[id >> 10];
    auto& l = b->slots[id >> 5 & 31];
    assert(l && l->slots[id & 31]);
    l->slots[id & 31] = nullptr;
    --size_;
    // One of each is kept for the next open.
    if (--l->used > 0) return;
    spare_leaf_ = std::move(l);
    if (--b->used == 0) spare_branch_ = std::move(b);
  }
  std::size_t size() const noexcept { return size_; }
  /// Without entries it gives its memory back.
  void free_memory() noexcept {
    if (size_ > 0) return;
    spare_leaf_.reset();
    spare_branch_.reset();
    root_.reset();
  }

  /// `visit` may erase the entry it is given, and no other.
  template <class F>
  void for_each(F visit) {
    if (!root_) return;
    for (std::size_t id = 0; id < 65536;) {
      const branch* const b = (*root_)[id >> 10].get();
      const leaf* const l = b ? b->slots[id >> 5 & 31].get() : nullptr;
      if (T* const value = l ? l->slots[id & 31] : nullptr) visit(*value);
      // Goes on behind those of the part that was looked at.
      const std::size_t with_it = l ? 0 : b ? 31 : 1023;
      id = (id | with_it) + 1;
    }
  }

 private:
  template <class Below>
  struct node {
    std::array<Below, 32> slots{};
    std::size_t used = 0;
  };
  // A session of a few sub-streams needs 1 KiB for them.
  using leaf = node<T*>;
  using branch = node<std::unique_ptr<leaf>>;
  using root = std::array<std::unique_ptr<branch>, 64>;
  std::unique_ptr<root> root_;  ///< from the first sub-stream on
  std::unique_ptr<leaf> spare_leaf_;
  std::unique_ptr<branch> spare_branch_;
  std::size_t size_ = 0;
};

}  // namespace muxpro::detail
