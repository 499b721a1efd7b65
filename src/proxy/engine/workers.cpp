#include "proxy/engine/workers.hpp"

#include "proxy/engine/start_thread.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

// An exception of a handler ends that handler alone. It belongs to one connection, and the others go on.
void run(asio::io_context& io) {
  for (;;) {
    try {
      io.run();
      return;
    } catch (...) {
    }
  }
}

}  // namespace

workers::workers(std::size_t threads) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i)
    all_.push_back(std::make_unique<worker>());
}

// Were all of them allowed a lead, connections that last could pile up on the first ones.
workers::slot workers::take_slot(std::uint32_t lead) noexcept {
  std::uint32_t fewest = all_.front()->slots_taken;
  for (const auto& w : all_) fewest = std::min<std::uint32_t>(fewest, w->slots_taken);
  std::size_t i = 0;
  if (all_[i]->slots_taken > fewest + lead)
    while (all_[i]->slots_taken > fewest) ++i;
  return slot(i, all_[i]->slots_taken);
}

void workers::start() {
  for (const auto& w : all_) w->thread = start_thread([&io = w->io] { run(io); });
}

void workers::end() noexcept {
  for (const auto& w : all_) w->io.stop();
}

void workers::stop() {
  end();
  join();
}

void workers::join() {
  for (const auto& w : all_)
    if (w->thread.joinable()) w->thread.join();
}

}  // namespace muxpro::proxy
