#include "proxy/engine/kept_links.hpp"

#include "proxy/net/or_error.hpp"

#include <asio/bind_cancellation_slot.hpp>

#include <algorithm>

namespace muxpro::proxy {

/// One byte is read from each, to see its end.
struct kept_links::entry {
  entry(std::string k, owner w, kept_link l, time_point t)
      : key(std::move(k)), who(w), kept(std::move(l)), until(t) {}

  // The target sees the end of the last exchange, not a cut.
  void end() {
    kept.link.stream.async_shutdown([](std::error_code) {});
    kept.link.stream.close();
  }

  const std::string key;
  const owner who;
  kept_link kept;
  time_point until;
  std::array<std::byte, 1> room;
  asio::cancellation_signal stop;
  one_shot stopped;  ///< with operation_aborted if no byte has come
};

void kept_links::put(std::string key, owner who, kept_link link) {
  auto e = std::make_shared<entry>(std::move(key), who, std::move(link),
                                   std::chrono::steady_clock::now() + limits_.idle);
  if (closed_) return e->end();
  make_room(e->key);
  all_.push_back(e);
  watch(e);
  set_timer();
}

void kept_links::watch(const std::shared_ptr<entry>& e) {
  auto ended = [e, weak = weak_from_this()](std::error_code ec, std::size_t) {
    e->stopped.set(ec ? ec : asio::error::message_size);
    if (const auto self = weak.lock()) self->drop(*e);
  };
  e->kept.link.stream.async_read_some(asio::buffer(e->room),
                                      asio::bind_cancellation_slot(e->stop.slot(), std::move(ended)));
}

void kept_links::drop(const entry& e) {
  const auto at =
      std::find_if(all_.begin(), all_.end(), [&e](const auto& other) { return other.get() == &e; });
  if (at == all_.end()) return;
  (*at)->end();
  all_.erase(at);
}

void kept_links::make_room(const std::string& key) {
  const auto same = [&key](const auto& e) { return e->key == key; };
  if (std::count_if(all_.begin(), all_.end(), same) >= static_cast<std::ptrdiff_t>(limits_.links_of_key))
    drop(**std::find_if(all_.begin(), all_.end(), same));
  if (all_.size() >= limits_.links) drop(*all_.front());
}

template <class Fits>
asio::awaitable<std::optional<kept_link>> kept_links::take_last(Fits fits) {
  const auto self = shared_from_this();
  for (;;) {
    const auto at = std::find_if(all_.rbegin(), all_.rend(), fits);
    if (at == all_.rend()) co_return std::nullopt;
    const std::shared_ptr<entry> e = *at;
    all_.erase(std::next(at).base());
    e->stop.emit(asio::cancellation_type::terminal);
    std::error_code ec;
    co_await e->stopped.async_wait(timer_.get_executor(), or_error(ec));
    if (ec == asio::error::operation_aborted && e->kept.link.stream.available() == 0)
      co_return std::move(e->kept);
    e->end();
  }
}

asio::awaitable<std::optional<kept_link>> kept_links::take(std::string key, owner who) {
  const auto self = shared_from_this();
  auto own = take_last([&](const auto& e) { return e->who == who && e->key == key; });
  std::optional<kept_link> found = co_await std::move(own);
  if (found) co_return found;
  auto other = take_last([&](const auto& e) { return !e->kept.owner_only && e->key == key; });
  co_return co_await std::move(other);
}

asio::awaitable<std::optional<kept_link>> kept_links::take_own(std::string key, owner who) {
  const auto self = shared_from_this();
  auto own = take_last([&](const auto& e) { return e->kept.owner_only && e->who == who && e->key == key; });
  co_return co_await std::move(own);
}

void kept_links::leave(owner who) {
  const time_point now = std::chrono::steady_clock::now();
  for (auto at = all_.begin(); at != all_.end();) {
    const std::shared_ptr<entry> e = *at++;
    if (e->who != who) continue;
    e->until = std::min(e->until, now + limits_.ownerless);
    if (e->kept.owner_only) drop(*e);
  }
  set_timer();
}

void kept_links::close() {
  closed_ = true;
  for (const auto& e : std::exchange(all_, {})) e->end();
  timer_.cancel();
}

void kept_links::set_timer() {
  if (all_.empty()) return;
  const auto sooner = [](const auto& a, const auto& b) { return a->until < b->until; };
  const time_point first = (*std::min_element(all_.begin(), all_.end(), sooner))->until;
  if (armed_ && timer_.expiry() <= first) return;
  armed_ = true;
  timer_.expires_at(first);
  timer_.async_wait([weak = weak_from_this()](std::error_code cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self) self->drop_overdue();
  });
}

void kept_links::drop_overdue() {
  armed_ = false;
  const time_point now = std::chrono::steady_clock::now();
  for (auto at = all_.begin(); at != all_.end();) {
    const std::shared_ptr<entry> e = *at++;
    if (e->until <= now) drop(*e);
  }
  set_timer();
}

}  // namespace muxpro::proxy
