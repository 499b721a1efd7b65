#include "proxy/vless/vision_padding.hpp"

#include "proxy/base/byte_reader.hpp"

#include <algorithm>

namespace muxpro::proxy {

namespace {

// Xray's numbers, which its option testseed changes.
constexpr std::size_t long_until = 900, long_spread = 500, short_spread = 256;
/// What pad() takes at a time at most.
constexpr std::size_t most_padded = 4 * max_vision_content;

void append_u16(std::vector<std::byte>& out, std::size_t n) {
  out.push_back(static_cast<std::byte>(n >> 8U));
  out.push_back(static_cast<std::byte>(n));
}

std::size_t move_content(const_bytes in, std::size_t most, std::vector<std::byte>& to) {
  const const_bytes part = in.first(std::min(in.size(), most));
  to.insert(to.end(), part.begin(), part.end());
  return part.size();
}

}  // namespace

std::size_t vision_padding(std::size_t content, bool hides_hello, std::uint32_t draw) noexcept {
  const std::size_t room = max_vision_content - std::min(content, max_vision_content);
  if (!hides_hello || content >= long_until) return std::min(room, draw % short_spread);
  return std::min(room, draw % long_spread + long_until - content);
}

void vision_padder::append(vision_command c, const_bytes content, bool hides_hello,
                           std::vector<std::byte>& out) {
  const std::size_t padding = vision_padding(content.size(), hides_hello, draw_());
  if (!began_) out.insert(out.end(), id_.begin(), id_.end());
  began_ = true;
  out.push_back(static_cast<std::byte>(c));
  append_u16(out, content.size());
  append_u16(out, padding);
  out.insert(out.end(), content.begin(), content.end());
  out.insert(out.end(), padding, std::byte{0});
}

std::size_t vision_padder::append_last(const_bytes records, bool then_raw, std::vector<std::byte>& out) {
  const std::size_t size = records.size();
  phase_ = then_raw ? vision_phase::raw : vision_phase::text;
  for (; records.size() > max_vision_content; records = records.subspan(max_vision_content))
    append(vision_command::more, records.first(max_vision_content), false, out);
  append(then_raw ? vision_command::last_then_raw : vision_command::last, records, true, out);
  return size;
}

// Data that are no TLS have no padding for long, because the filter then has seen enough.
std::size_t vision_padder::pad(const_bytes content, vision_filter& seen, std::vector<std::byte>& out) {
  const const_bytes piece = content.first(std::min(content.size(), max_vision_content));
  if (!piece.empty()) seen.see(piece);
  const std::size_t records =
      seen.is_tls() ? whole_records(content.first(std::min(content.size(), most_padded))) : 0;
  if (records > 0) return append_last(content.first(records), seen.may_go_raw(), out);
  const bool is_last = !seen.has_server_hello() && seen.pieces_left() <= 1;
  append(is_last ? vision_command::last : vision_command::more, piece, seen.is_tls() || piece.empty(), out);
  if (is_last) phase_ = vision_phase::text;
  return piece.size();
}

// --- the other direction

// The bytes of the UUID may be those of other data, which then come back.
std::size_t vision_unpadder::match(const_bytes in, std::vector<std::byte>& content) {
  std::size_t n = 0;
  while (n < in.size() && matched_ < id_.size() && in[n] == id_[matched_]) ++n, ++matched_;
  if (n == in.size() || matched_ == id_.size()) return n;
  content.insert(content.end(), id_.begin(), id_.begin() + static_cast<std::ptrdiff_t>(matched_));
  phase_ = vision_phase::text;
  return n;
}

std::size_t vision_unpadder::read_head(const_bytes in) {
  const std::size_t n = std::min(in.size(), head_.size() - head_size_);
  std::copy_n(in.begin(), n, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
  head_size_ += n;
  if (head_size_ < head_.size()) return n;
  byte_reader r(head_);
  broken_ = r.number(1) > static_cast<std::uint64_t>(vision_command::last_then_raw);
  content_left_ = r.size(2);
  padding_left_ = r.size(2);
  return n;
}

void vision_unpadder::end_block() noexcept {
  const auto command = static_cast<vision_command>(head_[0]);
  head_size_ = 0;
  if (command == vision_command::last) phase_ = vision_phase::text;
  if (command == vision_command::last_then_raw) phase_ = vision_phase::raw;
}

bool vision_unpadder::take(const_bytes in, std::vector<std::byte>& content) {
  while (!in.empty() && !broken_) {
    std::size_t n = 0;
    if (phase_ != vision_phase::blocks) {
      n = move_content(in, in.size(), content);
    } else if (matched_ < id_.size()) {
      n = match(in, content);
    } else if (head_size_ < head_.size()) {
      n = read_head(in);
    } else if (content_left_ > 0) {
      n = move_content(in, content_left_, content);
      content_left_ -= n;
    } else {
      n = std::min(in.size(), padding_left_);
      padding_left_ -= n;
    }
    in = in.subspan(n);
    if (head_size_ == head_.size() && !broken_ && content_left_ + padding_left_ == 0) end_block();
  }
  return !broken_;
}

bool vision_unpadder::end(std::vector<std::byte>& content) {
  if (phase_ != vision_phase::blocks) return true;
  if (matched_ < id_.size())
    content.insert(content.end(), id_.begin(), id_.begin() + static_cast<std::ptrdiff_t>(matched_));
  matched_ = id_.size();
  return head_size_ == 0 && !broken_;
}

}  // namespace muxpro::proxy
