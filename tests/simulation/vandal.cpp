#include "raw_peer.hpp"

#include <algorithm>
#include <array>

namespace simulation {

using namespace muxpro;

vandal::vandal(world& w, std::uint64_t name, std::shared_ptr<link> l, role side, dialect speaks)
    : raw_peer(w, name, std::move(l), side, speaks),
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
  std::vector<std::byte> out = something(id, bytes(size));
  if (random_.chance(nonsense_percent_) && !out.empty()) {
    const std::size_t reach = std::min<std::size_t>(out.size(), 24);
    for (auto n = random_.between(1, 3); n > 0; --n)
      out[random_.below(reach)] = static_cast<std::byte>(random_.next());
  }
  send_bytes(out);
}

std::vector<std::byte> vandal::something(stream_id id, const std::vector<std::byte>& data) {
  const auto size = static_cast<std::uint16_t>(data.size());
  const auto what = random_.below(100);
  if (what < 35) {
    new_stream f;
    f.id = id;
    f.priority = static_cast<std::uint8_t>(random_.next());
    f.target = destination(random_.chance(80) ? network::tcp : network::udp, "x.example", 1);
    if (random_.chance(50)) f.data = size;
    return encoded(f, f.data ? data : std::vector<std::byte>(), speaks_);
  }
  if (what < 70) {
    const keep f{id, size, random_.chance(10)};
    if (f.addressed && speaks_ == dialect::mux_cool) return addressed(f, data);
    return encoded(f, data, speaks_);
  }
  if (what < 85)
    return encoded(end{id, static_cast<end_code>(random_.chance(50) ? 0 : random_.below(10))}, {}, speaks_);
  if (what < 95 && (speaks_ != dialect::mux_cool || random_.chance(1)))
    return encoded(credit_update{
        id, static_cast<std::uint32_t>(random_.chance(10) ? random_.next() : random_.size(0, 100'000))});
  return encoded(keep_alive{id}, {}, speaks_);
}

std::vector<std::byte> vandal::addressed(const keep& f, const std::vector<std::byte>& data) {
  std::array<std::byte, max_prefix> prefix;
  const std::size_t n = encode_prefix({"y.example", 2}, prefix);
  std::vector<std::byte> out(max_encoded_header);
  out.resize(encode_addressed(f, const_bytes(prefix).first(n), out));
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

}  // namespace simulation
