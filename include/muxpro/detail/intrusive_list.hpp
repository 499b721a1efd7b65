// An intrusive doubly linked list. Its operations take O(1) and do not allocate, and a node removes itself.
#pragma once

#include <muxpro/config.hpp>

namespace muxpro::detail {

template <class T, class Tag = void>
class intrusive_list;

template <class Tag = void>
class list_node {
 public:
  list_node() noexcept = default;
  list_node(const list_node&) = delete;
  list_node& operator=(const list_node&) = delete;
  ~list_node() { unlink(); }

  bool linked() const noexcept { return next_ != nullptr; }
  void unlink() noexcept {
    if (!linked()) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  template <class, class>
  friend class intrusive_list;
  list_node* prev_ = nullptr;
  list_node* next_ = nullptr;
};

/// FIFO of objects that derive from list_node<Tag>. It does not own them.
template <class T, class Tag>
class intrusive_list {
 public:
  intrusive_list() noexcept { head_.prev_ = head_.next_ = &head_; }
  ~intrusive_list() {
    while (!empty()) pop_front();
    head_.prev_ = head_.next_ = nullptr;
  }
  intrusive_list(const intrusive_list&) = delete;
  intrusive_list& operator=(const intrusive_list&) = delete;

  bool empty() const noexcept { return head_.next_ == &head_; }
  T& front() noexcept { return static_cast<T&>(*head_.next_); }
  T& pop_front() noexcept {
    T& first = front();
    static_cast<list_node<Tag>&>(first).unlink();
    return first;
  }
  /// `visit` may unlink the item it is given, and no other.
  template <class Visit>
  void each(Visit visit) {
    for (list_node<Tag>* at = head_.next_; at != &head_;) {
      T& item = static_cast<T&>(*at);
      at = at->next_;
      visit(item);
    }
  }
  void push_back(T& item) noexcept { insert(item, head_); }
  void push_front(T& item) noexcept { insert(item, *head_.next_); }
  /// Takes over all of `other`, behind what is here.
  void splice(intrusive_list& other) noexcept {
    if (other.empty()) return;
    other.head_.next_->prev_ = head_.prev_;
    head_.prev_->next_ = other.head_.next_;
    other.head_.prev_->next_ = &head_;
    head_.prev_ = other.head_.prev_;
    other.head_.prev_ = other.head_.next_ = &other.head_;
  }

 private:
  void insert(T& item, list_node<Tag>& before) noexcept {
    auto& node = static_cast<list_node<Tag>&>(item);
    node.prev_ = before.prev_;
    node.next_ = &before;
    before.prev_->next_ = &node;
    before.prev_ = &node;
  }

  list_node<Tag> head_;
};

}  // namespace muxpro::detail
