#include "raw_peer.hpp"

#include <algorithm>

namespace simulation {

using namespace muxpro;

vandal::vandal(world& w, std::uint64_t name, std::shared_ptr<link> l, role side)
    : raw_peer(w, name, std::move(l), side),
      left_to_do_(random_.size(1, 2000)),
      nonsense_percent_(random_.chance(50) ? 0 : static_cast<unsigned>(random_.between(1, 5))),
      pause_(random_.time(0ns, 20ms)),
      ids_(static_cast<stream_id>(random_.size(1, 600))) {}

void vandal::act() {
  for (auto n = random_.size(1, 64); n > 0 && left_to_do_ > 0; --n) send_something();
  if (random_.chance(5)) read(random_.chance(50));
  if (left_to_do_ > 0) return later(random_.time(0ns, pause_), &vandal::act);
  if (random_.chance(50)) leave();
}

std::vector<std::byte> vandal::bytes(std::size_t n) {
  std::vector<std::byte> out(n);
  for (std::byte& b : out) b = static_cast<std::byte>(random_.next());
  return out;
}

void vandal::send_something() {
  --left_to_do_;
  const auto id = static_cast<stream_id>(random_.chance(2) ? random_.next() : random_.between(1, ids_));
  const std::size_t size =
      static_cast<std::size_t>(random_.chance(50) ? random_.below(50) : random_.size(0, 65535));
  std::vector<std::byte> data = bytes(size);
  std::vector<std::byte> out;
  const auto what = random_.below(100);
  if (what < 35) {
    new_stream f;
    f.id = id;
    f.priority = static_cast<std::uint8_t>(random_.next());
    f.target = destination(random_.chance(80) ? network::tcp : network::udp, "x.example", 1);
    if (random_.chance(50)) f.data = static_cast<std::uint16_t>(size);
    out = encoded(f, f.data ? data : std::vector<std::byte>());
  } else if (what < 70) {
    out = encoded(keep{id, static_cast<std::uint16_t>(size), random_.chance(10)}, data);
  } else if (what < 85) {
    out = encoded(end{id, static_cast<end_code>(random_.chance(50) ? 0 : random_.below(10))});
  } else if (what < 95) {
    out = encoded(credit_update{
        id, static_cast<std::uint32_t>(random_.chance(10) ? random_.next() : random_.size(0, 100'000))});
  } else {
    out = encoded(keep_alive{id});
  }
  if (random_.chance(nonsense_percent_) && !out.empty()) {
    const std::size_t reach = std::min<std::size_t>(out.size(), 24);
    for (auto n = random_.between(1, 3); n > 0; --n)
      out[random_.below(reach)] = static_cast<std::byte>(random_.next());
  }
  send_bytes(out);
}

}  // namespace simulation
