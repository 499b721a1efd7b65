#include "proxy/inbound/http_answer_reader.hpp"

#include "proxy/net/or_error.hpp"

#include <cstring>

namespace muxpro::proxy {

asio::awaitable<http_answer_reader::head> http_answer_reader::read_head() {
  using status = http_response_parser::status;
  http_response_parser parser(method_, limits_);
  for (;;) {
    http_response_parser::step step = parser.next(unread());
    if (step.what == status::refused) {
      reason_ = step.reason;
      co_return head::refused;
    }
    if (step.what == status::complete) {
      at_ += step.consumed;
      heads_ += step.consumed;
      response_ = std::move(step.response);
      until_close_ = response_.body.what == http_framing::kind::until_close;
      if (heads_ <= limits_.bytes) co_return head::complete;
      reason_ = "The target sends too many interim answers.";
      co_return head::refused;
    }
    const std::error_code ec = co_await receive();
    if (ec) co_return head::ended;
  }
}

asio::awaitable<std::error_code> http_answer_reader::receive() {
  constexpr std::size_t piece = 16 * 1024;
  if (at_ != 0) std::memmove(room_.data(), room_.data() + at_, size_ - at_);
  size_ -= std::exchange(at_, 0);
  if (room_.size() - size_ < piece) room_.resize(size_ + piece);
  const std::size_t n = co_await link_.async_read_some(asio::buffer(room_) + size_, or_error(end_));
  size_ += n;
  count_->b_to_a += n;
  received_ = received_ || n != 0;
  co_return end_;
}

const_bytes http_answer_reader::take_body(http_body& body, const http_client_form& form) {
  if (!form.version_1_1) return content_of_chunks(body);
  const const_bytes in = unread();
  const http_body::step step = body.next(in);
  malformed_ = step.what == http_body::status::refused;
  at_ += step.bytes;
  return in.first(step.bytes);
}

// Moves the pieces together. That of a body without chunks is one piece.
const_bytes http_answer_reader::content_of_chunks(http_body& body) {
  const std::size_t begin = at_;
  std::size_t end = begin;
  http_body::step step;
  do {
    const_bytes content;
    step = body.next(unread(), content);
    at_ += step.bytes;
    if (content.empty()) continue;
    std::memmove(room_.data() + end, content.data(), content.size());
    end += content.size();
  } while (step.what == http_body::status::more && at_ < size_);
  malformed_ = step.what == http_body::status::refused;
  return const_bytes(room_).subspan(begin, end - begin);
}

bool http_answer_reader::ends_with(const std::error_code& why) const noexcept {
  return until_close_ && why == asio::error::eof;
}

}  // namespace muxpro::proxy
