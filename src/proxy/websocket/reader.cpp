#include "proxy/websocket/reader.hpp"

#include <algorithm>
#include <cstring>

namespace muxpro::proxy {

namespace {

constexpr std::byte final_bit{0x80}, reserved_bits{0x70}, opcode_bits{0x0f}, mask_bit{0x80},
    length_bits{0x7f};

}  // namespace

std::size_t websocket_reader::next(bytes in) {
  std::byte* const front = in.data();
  std::byte* to = front;
  while (!in.empty() && !finished()) {
    std::size_t n = 0;
    if (!in_payload_) {
      n = take_header(in);
    } else if (in_control()) {
      n = take_control(in);
    } else {
      n = take_data(to, in);
      to += n;
    }
    in = in.subspan(n);
  }
  return static_cast<std::size_t>(to - front);
}

std::size_t websocket_reader::take_header(const_bytes in) {
  std::size_t n = 0;
  while (n < in.size() && header_has_ < header_size()) header_[header_has_++] = in[n++];
  if (header_has_ == header_size()) begin_frame();
  return n;
}

// As far as its first two bytes are known.
std::size_t websocket_reader::header_size() const noexcept {
  if (header_has_ < 2) return 2;
  const auto length = std::to_integer<unsigned>(header_[1] & length_bits);
  const std::size_t of_length = length == 126 ? 2 : length == 127 ? 8 : 0;
  const bool has_mask = (header_[1] & mask_bit) != std::byte{0};
  return 2 + of_length + (has_mask ? mask_.size() : 0);
}

void websocket_reader::begin_frame() {
  const bool has_mask = (header_[1] & mask_bit) != std::byte{0};
  const std::size_t numbers_end = header_size() - (has_mask ? mask_.size() : 0);
  length_ = std::to_integer<std::uint64_t>(header_[1] & length_bits);
  if (numbers_end > 2) length_ = 0;
  for (std::size_t i = 2; i < numbers_end; ++i)
    length_ = length_ << 8 | std::to_integer<std::uint64_t>(header_[i]);
  const std::uint64_t least = numbers_end == 2 ? 0 : numbers_end == 4 ? max_websocket_control + 1 : 0x10000;
  if (length_ < least || length_ >> 63 != 0 || !is_valid(header_[0], has_mask)) return fail();
  if (has_mask) std::copy_n(header_.begin() + static_cast<std::ptrdiff_t>(numbers_end), 4, mask_.begin());
  const bool last = (header_[0] & final_bit) != std::byte{0};
  opcode_ = static_cast<websocket_opcode>(header_[0] & opcode_bits);
  header_has_ = 0;
  taken_ = 0;
  if (!in_control()) in_message_ = !last;
  in_payload_ = length_ > 0;
  if (!in_payload_ && in_control()) end_control();
}

bool websocket_reader::is_valid(std::byte first, bool has_mask) const noexcept {
  if ((first & reserved_bits) != std::byte{0} || has_mask != masked_) return false;
  switch (static_cast<websocket_opcode>(first & opcode_bits)) {
    case websocket_opcode::continuation: return in_message_ && !ended_;
    case websocket_opcode::text:
    case websocket_opcode::binary: return !in_message_ && !ended_;
    case websocket_opcode::close:
    case websocket_opcode::ping:
    case websocket_opcode::pong:
      return (first & final_bit) != std::byte{0} && length_ <= max_websocket_control;
  }
  return false;
}

std::size_t websocket_reader::take_control(const_bytes in) {
  const std::size_t had = control_.size();
  const std::size_t n = std::min(in.size(), static_cast<std::size_t>(length_) - had);
  control_.resize(had + n);
  if (masked_)
    apply_mask(control_.data() + had, in.first(n), mask_, had);
  else
    std::memcpy(control_.data() + had, in.data(), n);
  if (control_.size() == length_) end_control();
  return n;
}

void websocket_reader::end_control() {
  const std::vector<std::byte> payload = std::exchange(control_, {});
  in_payload_ = false;
  if (opcode_ == websocket_opcode::ping) {
    ping_ = payload;
  } else if (opcode_ == websocket_opcode::close) {
    if (payload.size() == 1) return fail();
    ended_ = closed_ = true;
  } else if (std::equal(payload.begin(), payload.end(), websocket_end_mark.begin(),
                        websocket_end_mark.end())) {
    ended_ = true;
  }
}

std::size_t websocket_reader::take_data(std::byte* to, const_bytes in) noexcept {
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), length_ - taken_));
  if (masked_)
    apply_mask(to, in.first(n), mask_, taken_);
  else if (to != in.data())
    std::memmove(to, in.data(), n);
  taken_ += n;
  in_payload_ = taken_ < length_;
  return n;
}

}  // namespace muxpro::proxy
