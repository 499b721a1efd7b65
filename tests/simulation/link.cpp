#include "link.hpp"

#include <algorithm>
#include <cstring>

namespace simulation {

link::link(world& w, std::uint64_t name, direction_habits there, direction_habits back)
    : world_(w), executor_(w.executor()), name_(name), random_(w.fork()) {
  directions_[0].habits = there;
  directions_[1].habits = back;
  register_with(executor_);
}

void link::start_read(int side, transfer_op* op) {
  direction& l = directions_[1 - side];
  world_.expect(!l.reader, "link {}: a second read", name_);
  l.reader = op;
  if (closed_[side]) return finish(l.reader, side, "read", asio::error::bad_descriptor, 0);
  pump(1 - side);
}

void link::start_write(int side, transfer_op* op) {
  direction& l = directions_[side];
  world_.expect(!l.writer, "link {}: a second write", name_);
  if (rules[static_cast<std::size_t>(side)]) {
    std::size_t known = l.shown;
    for (const asio::const_buffer b : op->data) {
      const std::size_t skip = std::min(known, b.size());
      known -= skip;
      l.shown += b.size() - skip;
      rules[static_cast<std::size_t>(side)]->sent(
          {static_cast<const std::byte*>(b.data()) + skip, b.size() - skip});
    }
  }
  l.writer = op;
  if (closed_[side]) return finish(l.writer, side, "write", asio::error::bad_descriptor, 0);
  pump(side);
}

void link::cancel(transfer_op* op) {
  const memory::exempt no_failures;
  for (const int side : {0, 1}) {
    if (directions_[1 - side].reader == op)
      return finish(directions_[1 - side].reader, side, "read", asio::error::operation_aborted, 0);
    if (directions_[side].writer == op)
      return finish(directions_[side].writer, side, "write", asio::error::operation_aborted, 0);
  }
}

void link::finish(transfer_op*& op, int side, const char* what, error_code ec, std::size_t n) {
  world_.note(what, 2 * name_ + static_cast<unsigned>(side),
              ec ? static_cast<unsigned>(ec.value()) + 1'000'000'000u : n);
  std::exchange(op, nullptr)->complete(ec, n);
}

void link::close(int side) noexcept {
  const memory::exempt no_failures;
  if (std::exchange(closed_[side], true)) return;
  const auto self = shared_from_this();
  if (directions_[side].writer)
    finish(directions_[side].writer, side, "write", asio::error::operation_aborted, 0);
  if (directions_[1 - side].reader)
    finish(directions_[1 - side].reader, side, "read", asio::error::operation_aborted, 0);
  directions_[side].fin = true;
  pump(side);
  pump(1 - side);
}

void link::clog(bool on) {
  clogged_ = on;
  world_.note(on ? "clogged" : "released", name_);
  pump(0);
  pump(1);
}

void link::reset() {
  if (std::exchange(reset_, true)) return;
  const auto self = shared_from_this();
  world_.note("rst", name_);
  for (direction& l : directions_) {
    l.chunks.clear();
    l.held = 0;
  }
  pump(0);
  pump(1);
}

void link::heal() noexcept {
  for (direction& l : directions_) l.habits.rst_at = l.habits.fin_at = std::nullopt;
}

void link::pump(int from) {
  while (try_write(from) || try_read(from)) {
  }
}

std::size_t link::limited(const direction& l, std::size_t n) {
  n = std::min(n, l.habits.most);
  return l.habits.ragged ? static_cast<std::size_t>(random_.size(1, n)) : n;
}

bool link::try_write(int from) {
  direction& l = directions_[from];
  if (!l.writer) return false;
  if (reset_) return finish(l.writer, from, "write", asio::error::connection_reset, 0), true;
  if (refused_[from]) return finish(l.writer, from, "write", asio::error::broken_pipe, 0), true;
  if (clogged_) return false;
  const std::size_t size = asio::buffer_size(l.writer->data);
  if (size == 0) return finish(l.writer, from, "write", {}, 0), true;
  if (closed_[1 - from]) return refuse(from), finish(l.writer, from, "write", {}, size), true;
  std::size_t room = l.habits.capacity - std::min(l.habits.capacity, l.held);
  if (room == 0) return false;
  if (l.habits.bytes_per_second > 0)
    room = std::min(room, static_cast<std::size_t>(l.habits.bytes_per_second / 20 + 1));
  std::size_t n = limited(l, std::min(size, room));
  for (const auto& limit : {l.habits.rst_at, l.habits.fin_at})
    if (limit && *limit > l.accepted) n = std::min(n, static_cast<std::size_t>(*limit - l.accepted));
  accept(from, n);
  finish(l.writer, from, "write", {}, n);
  if (l.habits.rst_at && l.accepted >= *l.habits.rst_at) reset();
  if (l.habits.fin_at && l.accepted >= *l.habits.fin_at) l.cut = true;
  return true;
}

// An end that is closed takes what was on its way, and answers by RST: behind all that it has sent.
void link::refuse(int from) {
  directions_[from].shown = 0;
  direction& back = directions_[1 - from];
  const duration when =
      std::max(world_.now(), back.arrived_last) + directions_[from].habits.delay + back.habits.delay;
  world_.after(when - world_.now(), [weak = weak_from_this(), from] {
    const auto self = weak.lock();
    if (!self) return;
    self->refused_[from] = true;
    self->pump(from);
  });
}

// Behind a FIN of its own the network takes everything and brings nothing.
void link::accept(int from, std::size_t n) {
  direction& l = directions_[from];
  l.accepted += n;
  l.shown -= std::min(l.shown, n);
  if (l.cut) return;
  chunk c;
  c.data.reserve(n);
  for (const asio::const_buffer b : l.writer->data) {
    const std::size_t part = std::min(b.size(), n - c.data.size());
    const auto* const at = static_cast<const std::byte*>(b.data());
    c.data.insert(c.data.end(), at, at + part);
  }
  const duration now = world_.now();
  l.free_at = std::max(l.free_at, now);
  if (l.habits.bytes_per_second > 0)
    l.free_at += duration(static_cast<duration::rep>(n * 1'000'000'000 / l.habits.bytes_per_second));
  c.arrives = l.free_at + l.habits.delay + random_.time(0ns, l.habits.jitter);
  c.arrives = l.arrived_last = std::max(c.arrives, l.arrived_last);
  if (c.arrives > now) {
    world_.after(c.arrives - now, [weak = weak_from_this(), from] {
      if (const auto self = weak.lock()) self->pump(from);
    });
  }
  l.held += n;
  l.chunks.push_back(std::move(c));
}

bool link::try_read(int from) {
  direction& l = directions_[from];
  const int to = 1 - from;
  if (!l.reader) return false;
  if (reset_) return finish(l.reader, to, "read", asio::error::connection_reset, 0), true;
  if (clogged_) return false;
  const std::size_t size = asio::buffer_size(l.reader->room);
  if (size == 0) return finish(l.reader, to, "read", {}, 0), true;
  if (l.chunks.empty()) {
    if (!l.fin && !l.cut) return false;
    return finish(l.reader, to, "read", asio::error::eof, 0), true;
  }
  if (l.chunks.front().arrives > world_.now()) return false;
  const std::size_t n = deliver(from, limited(l, size));
  finish(l.reader, to, "read", {}, n);
  return true;
}

std::size_t link::deliver(int from, std::size_t most) {
  direction& l = directions_[from];
  std::size_t done = 0, filled = 0;
  std::size_t at = 0;
  auto& room = l.reader->room;
  const auto& watcher = rules[static_cast<std::size_t>(1 - from)];
  while (done < most && !l.chunks.empty() && l.chunks.front().arrives <= world_.now()) {
    chunk& c = l.chunks.front();
    while (at < room.size() && filled == room[at].size()) ++at, filled = 0;
    if (at == room.size()) break;
    const std::size_t n = std::min({most - done, c.data.size() - c.used, room[at].size() - filled});
    std::memcpy(static_cast<std::byte*>(room[at].data()) + filled, c.data.data() + c.used, n);
    if (watcher) watcher->received({c.data.data() + c.used, n});
    c.used += n;
    filled += n;
    done += n;
    if (c.used == c.data.size()) l.chunks.pop_front();
  }
  l.held -= done;
  return done;
}

void link::context_destroyed() noexcept {
  for (direction& l : directions_) {
    if (l.reader) std::exchange(l.reader, nullptr)->drop();
    if (l.writer) std::exchange(l.writer, nullptr)->drop();
  }
  executor_ = {};
}

}  // namespace simulation
