#include <muxpro/proxy/workers.hpp>

#include <algorithm>

namespace muxpro::proxy {

workers::workers(std::size_t threads) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i)
    all_.push_back(std::make_unique<worker>());
}

void workers::start() {
  for (const auto& w : all_) w->thread = std::thread([&io = w->io] { io.run(); });
}

void workers::stop() {
  for (const auto& w : all_) w->io.stop();
  join();
}

void workers::join() {
  for (const auto& w : all_)
    if (w->thread.joinable()) w->thread.join();
}

}  // namespace muxpro::proxy
