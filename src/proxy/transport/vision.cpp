#include "proxy/transport/vision.hpp"

#include "proxy/net/or_error.hpp"

#include <openssl/rand.h>
#include <asio/post.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>

namespace muxpro::proxy {

namespace {

/// The text of one record.
thread_local std::array<std::byte, record_text> vision_text;

std::uint32_t unpredictable() {
  std::array<unsigned char, 4> drawn{};
  if (RAND_bytes(drawn.data(), static_cast<int>(drawn.size())) != 1)
    throw std::system_error(asio::error::no_memory);
  std::uint32_t out = 0;
  std::memcpy(&out, drawn.data(), drawn.size());
  return out;
}

}  // namespace

vision_core::vision_core(std::shared_ptr<connection_over<tls>> below, vision_beginning first)
    : below_(std::move(below)),
      in_(first.id),
      out_(first.id, unpredictable),
      peers_head_(std::move(first.peers_head)),
      head_(std::move(first.head)) {
  carrier().read_one_record_at_a_time();
  std::error_code broken;
  if (!first.received.empty()) take(first.received, broken);
}

// A broken block among what was received before is found again: the unpadder stays broken.
std::size_t vision_core::read_now(bytes into, std::error_code& ec) {
  ec.clear();
  while (content_.empty()) {
    if (in_.phase() == vision_phase::raw) return detail::read_now(socket(), into, ec);
    if (in_.phase() == vision_phase::text && !peers_head_) return carrier().read_now(into, ec);
    const std::size_t n = carrier().read_now(vision_text, ec);
    if (ec == asio::error::eof && !in_.end(content_)) ec = errc::connection_lost;
    if (ec == asio::error::eof && !content_.empty()) break;
    if (ec) return 0;
    take(const_bytes(vision_text).first(n), ec);
    if (ec) return 0;
  }
  ec.clear();
  const std::size_t n = std::min(into.size(), content_.size() - content_taken_);
  std::memcpy(into.data(), content_.data() + content_taken_, n);
  content_taken_ += n;
  if (content_taken_ == content_.size()) {
    content_ = std::vector<std::byte>();
    content_taken_ = 0;
  }
  return n;
}

void vision_core::take(const_bytes text, std::error_code& ec) {
  if (strip_head(text, ec)) unpad(text, ec);
}

// False: there is more of it to come, or `ec` is set.
bool vision_core::strip_head(const_bytes& text, std::error_code& ec) {
  if (!peers_head_) return true;
  const std::size_t had = before_.size();
  before_.insert(before_.end(), text.begin(), text.end());
  const std::size_t size = peers_head_(before_, ec);
  if (ec || size == 0) return false;
  text = text.subspan(size - had);
  peers_head_ = nullptr;
  before_ = std::vector<std::byte>();
  return true;
}

void vision_core::unpad(const_bytes text, std::error_code& ec) {
  const std::size_t had = content_.size();
  if (!in_.take(text, content_)) ec = errc::bad_answer;
  if (content_.size() > had) filter_.see(const_bytes(content_).subspan(had));
  if (in_.phase() != vision_phase::blocks) leave_blocks();
}

// What the TLS below has read and not opened is no TLS.
void vision_core::leave_blocks() {
  if (in_.phase() == vision_phase::text) return carrier().read_one_record_at_a_time(false);
  const std::vector<std::byte> rest = carrier().stop_reading();
  content_.insert(content_.end(), rest.begin(), rest.end());
}

void vision_core::wait(detail::transfer_step done) {
  if (!content_.empty())
    asio::post(done.get_executor(), [d = std::move(done)]() mutable { d(std::error_code()); });
  else if (in_.phase() == vision_phase::raw)
    socket().async_wait(asio::socket_base::wait_read, std::move(done));
  else
    carrier().async_wait_for_bytes(std::move(done));
}

asio::awaitable<vision_core::transferred> vision_core::read(std::shared_ptr<vision_core> core,
                                                            asio::mutable_buffer into) {
  transferred out;
  const bytes room(static_cast<std::byte*>(into.data()), into.size());
  for (;;) {
    out.bytes = core->read_now(room, out.ec);
    if (out.ec != asio::error::would_block) co_return out;
    out.ec.clear();
    if (core->in_.phase() == vision_phase::raw)
      co_await core->socket().async_wait(asio::socket_base::wait_read, or_error(out.ec));
    else
      co_await core->carrier().async_wait_for_bytes(or_error(out.ec));
    if (out.ec) co_return out;
  }
}

asio::awaitable<vision_core::transferred> vision_core::write(std::shared_ptr<vision_core> core,
                                                             asio::const_buffer from) {
  transferred out;
  std::vector<std::byte> blocks = std::exchange(core->head_, {});
  const const_bytes content(static_cast<const std::byte*>(from.data()), from.size());
  out.bytes = core->out_.pad(content, core->filter_, blocks);
  co_await asio::async_write(core->carrier(), asio::buffer(blocks), or_error(out.ec));
  if (core->out_.phase() == vision_phase::raw) core->carrier().stop_writing();
  co_return out;
}

std::shared_ptr<connection> open_vision(const std::shared_ptr<connection>& below, vision_beginning first) {
  auto carrier = std::dynamic_pointer_cast<connection_over<vision_core::tls>>(below);
  if (!carrier) return nullptr;
  auto core = std::make_shared<vision_core>(std::move(carrier), std::move(first));
  return make_connection(vision_stream(std::move(core)));
}

}  // namespace muxpro::proxy
