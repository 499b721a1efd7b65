#include "proxy/transport/http2_session.hpp"

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

std::vector<nghttp2_nv> nghttp2_fields(const http2_head& h) {
  std::vector<nghttp2_nv> out;
  for (const auto& [name, value] : h.fields()) {
    const auto text = [](const std::string& s) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(s.data()));
    };
    out.push_back({text(name), text(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

http2_stream http2_connection::request(const http2_head& head, std::unique_ptr<http2_body> body, bool sends) {
  auto s = std::make_shared<http2_stream_state>(*this, below_->get_executor(), std::move(body));
  const auto fields = nghttp2_fields(head);
  const auto source = callbacks::body_of(*s);
  s->id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), sends ? &source : nullptr,
                                 nullptr);
  if (!sends) s->shut_down();
  if (s->id > 0 && !ended_)
    streams_[s->id] = s;
  else
    s->closed(ended_ ? std::error_code(asio::error::connection_reset) : http2_failure(s->id));
  flush();
  return http2_stream(std::move(s));
}

http2_stream http2_connection::accept(const http2_request& r, const http2_head& answer,
                                      std::unique_ptr<http2_body> body) {
  r.stream->become(std::move(body));
  const auto fields = nghttp2_fields(answer);
  const auto source = callbacks::body_of(*r.stream);
  nghttp2_submit_response(session_, r.stream->id, fields.data(), fields.size(), &source);
  flush();
  return http2_stream(r.stream);
}

void http2_connection::refuse(const http2_request& r, const http2_head& answer) {
  const auto fields = nghttp2_fields(answer);
  nghttp2_submit_response(session_, r.stream->id, fields.data(), fields.size(), nullptr);
  r.stream->shut_down();
  r.stream->close();
  flush();
}

bool http2_connection::takes_requests() const noexcept {
  if (ended_ || !nghttp2_session_check_request_allowed(session_)) return false;
  const std::uint32_t most =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return streams_.size() < most;
}

http2_connection::stream_ptr http2_connection::find(std::int32_t id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

void http2_connection::touch(const stream_ptr& s) {
  if (std::exchange(s->in_turn, true)) return;
  to_flush_.push_back(s);
}

void http2_connection::end_turn() {
  for (const stream_ptr& s : std::exchange(to_flush_, {})) {
    s->in_turn = false;
    s->end_turn();
  }
}

void http2_connection::resume(http2_stream_state& s) noexcept {
  nghttp2_session_resume_data(session_, s.id);
  flush();
}

void http2_connection::consumed(http2_stream_state& s, std::size_t n) noexcept {
  unread_ -= std::min(n, unread_);
  nghttp2_session_consume_stream(session_, s.id, n);
  settle_window();
  flush();
}

void http2_connection::settle_window() noexcept {
  const std::size_t stays = unread_ > options_.most_unread ? unread_ - options_.most_unread : 0;
  if (held_ <= stays) return;
  nghttp2_session_consume_connection(session_, held_ - stays);
  held_ = stays;
}

void http2_connection::cut(http2_stream_state& s, std::uint32_t code) noexcept {
  if (s.is_closed()) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, s.id, code);
  flush();
}

void http2_connection::released(http2_stream_state& s) noexcept {
  if (s.is_closed()) forget(s.id);
}

void http2_connection::stream_ended(const stream_ptr& s, std::uint32_t code) {
  std::error_code why;
  if (code == NGHTTP2_REFUSED_STREAM)
    why = http2_errc::refused_stream;
  else if (code != NGHTTP2_NO_ERROR)
    why = asio::error::connection_reset;
  s->closed(why);
  touch(s);
  if (!s->has_handle()) forget(s->id);
}

void http2_connection::forget(std::int32_t id) {
  streams_.erase(id);
  if (!streams_.empty()) return;
  idle_since_ = std::chrono::steady_clock::now();
  tick_.cancel();
}

void http2_connection::note_goaway(std::uint32_t code) noexcept {
  if (code != NGHTTP2_NO_ERROR && !goaway_) goaway_ = http2_goaway(code);
}

}  // namespace muxpro::proxy
