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

template <class Next>
vision_core<Next>::vision_core(std::shared_ptr<connection_over<tls>> below, vision_beginning first)
    : below_(std::move(below)),
      in_(first.id),
      out_(first.id, unpredictable),
      peers_head_(std::move(first.peers_head)),
      head_(std::move(first.head)) {
  carrier().read_one_record_at_a_time();
  std::error_code broken;
  if (!first.received.empty()) take(first.received, broken);
}

// A broken block among what was received before is found again, because the unpadder stays broken.
template <class Next>
std::size_t vision_core<Next>::read_now(bytes into, std::error_code& ec) {
  ec.clear();
  while (content_.empty()) {
    if (in_.phase() == vision_phase::raw) {
      if constexpr (on_socket) return layer::read_now(next(), into, ec);
      ec = raw_end_ ? raw_end_ : make_error_code(asio::error::would_block);
      return 0;
    }
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

template <class Next>
void vision_core<Next>::take(const_bytes text, std::error_code& ec) {
  if (strip_head(text, ec)) unpad(text, ec);
}

// Returns false if more of it is to come, or `ec` is set.
template <class Next>
bool vision_core<Next>::strip_head(const_bytes& text, std::error_code& ec) {
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

template <class Next>
void vision_core<Next>::unpad(const_bytes text, std::error_code& ec) {
  const std::size_t had = content_.size();
  if (!in_.take(text, content_)) ec = errc::bad_answer;
  if (content_.size() > had) filter_.see(const_bytes(content_).subspan(had));
  if (in_.phase() != vision_phase::blocks) leave_blocks();
}

// What the TLS below has read and not opened is no TLS.
template <class Next>
void vision_core<Next>::leave_blocks() {
  if (in_.phase() == vision_phase::text) return carrier().read_one_record_at_a_time(false);
  const std::vector<std::byte> rest = carrier().stop_reading();
  content_.insert(content_.end(), rest.begin(), rest.end());
}

template <class Next>
void vision_core<Next>::wait(layer::transfer_step done) {
  if (!content_.empty() || raw_end_)
    asio::post(done.get_executor(), [d = std::move(done)]() mutable { d(std::error_code()); });
  else if (in_.phase() == vision_phase::raw)
    wait_for_raw(std::move(done));
  else
    carrier().async_wait_for_bytes(std::move(done));
}

// Another stream than a socket is ready when it has read.
template <class Next>
void vision_core<Next>::wait_for_raw(layer::transfer_step done) {
  if constexpr (on_socket) {
    next().async_wait(asio::socket_base::wait_read, std::move(done));
  } else {
    const auto slot = asio::get_associated_cancellation_slot(done);
    before_.resize(record_text);
    auto keep = [self = this->shared_from_this(), d = std::move(done)](std::error_code ec,
                                                                       std::size_t n) mutable {
      self->before_.resize(n);
      self->content_ = std::exchange(self->before_, {});
      if (ec != asio::error::operation_aborted) self->raw_end_ = ec;
      d(ec == asio::error::operation_aborted ? ec : std::error_code());
    };
    next().async_read_some(asio::buffer(before_), asio::bind_cancellation_slot(slot, std::move(keep)));
  }
}

template <class Next>
asio::awaitable<transferred> vision_core<Next>::read(std::shared_ptr<vision_core> core,
                                                     asio::mutable_buffer into) {
  transferred out;
  const bytes room(static_cast<std::byte*>(into.data()), into.size());
  for (;;) {
    out.bytes = core->read_now(room, out.ec);
    if (out.ec != asio::error::would_block) co_return out;
    out.ec.clear();
    if (core->in_.phase() != vision_phase::raw) {
      co_await core->carrier().async_wait_for_bytes(or_error(out.ec));
    } else if constexpr (on_socket) {
      co_await core->next().async_wait(asio::socket_base::wait_read, or_error(out.ec));
    } else {
      out.bytes = co_await core->next().async_read_some(into, or_error(out.ec));
      co_return out;
    }
    if (out.ec) co_return out;
  }
}

template <class Next>
asio::awaitable<transferred> vision_core<Next>::write(std::shared_ptr<vision_core> core,
                                                      asio::const_buffer from) {
  transferred out;
  std::vector<std::byte> blocks = std::exchange(core->head_, {});
  const const_bytes content(static_cast<const std::byte*>(from.data()), from.size());
  out.bytes = core->out_.pad(content, core->filter_, blocks);
  co_await asio::async_write(core->carrier(), asio::buffer(blocks), or_error(out.ec));
  if (core->out_.phase() == vision_phase::raw) core->carrier().stop_writing();
  co_return out;
}

namespace {

/// Returns null if `below` is no TLS over such a stream.
template <class Next>
std::shared_ptr<connection> open_vision_over(const std::shared_ptr<connection>& below,
                                             vision_beginning& first) {
  auto carrier = std::dynamic_pointer_cast<connection_over<tls_stream<Next>>>(below);
  if (!carrier) return nullptr;
  auto core = std::make_shared<vision_core<Next>>(std::move(carrier), std::move(first));
  return make_connection(vision_stream<Next>(std::move(core)));
}

}  // namespace

std::shared_ptr<connection> open_vision(const std::shared_ptr<connection>& below, vision_beginning first) {
  if (auto on_socket = open_vision_over<stream_socket>(below, first)) return on_socket;
  return open_vision_over<erased_stream>(below, first);
}

}  // namespace muxpro::proxy
