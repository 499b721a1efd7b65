#include "proxy/transport/http2_session.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace muxpro::proxy {

namespace {

/// nghttp2 is C, so no exception may pass through it.
template <class Work>
int http2_guarded(Work work) noexcept {
  try {
    return work();
  } catch (...) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
}

struct http2_setup {
  http2_setup() {
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
      throw std::bad_alloc();
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
  }
  http2_setup(const http2_setup&) = delete;
  ~http2_setup() {
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
  }
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
};

std::string http2_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

bool ends_stream(const nghttp2_frame& f) noexcept {
  const bool can = f.hd.type == NGHTTP2_DATA || f.hd.type == NGHTTP2_HEADERS;
  return can && (f.hd.flags & NGHTTP2_FLAG_END_STREAM);
}

http2_connection& http2_of(void* c) noexcept { return *static_cast<http2_connection*>(c); }

}  // namespace

nghttp2_session* http2_connection::callbacks::make_session(http2_connection& c) {
  const http2_setup with;
  nghttp2_session_callbacks* const all = with.callbacks;
  nghttp2_session_callbacks_set_on_begin_frame_callback(all, begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(all, begin_head);
  nghttp2_session_callbacks_set_on_header_callback(all, field);
  nghttp2_session_callbacks_set_on_frame_recv_callback(all, frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, data);
  nghttp2_session_callbacks_set_on_stream_close_callback(all, stream_closed);
  nghttp2_session_callbacks_set_on_frame_send_callback(all, frame_sent);
  nghttp2_session_callbacks_set_send_data_callback(all, write_data);
  nghttp2_session_callbacks_set_data_source_read_length_callback(all, frame_room);
  nghttp2_session* made = nullptr;
  auto* const make = c.side_ == role::server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  if (make(&made, all, &c, with.option) != 0) throw std::bad_alloc();
  return made;
}

void http2_connection::callbacks::submit_settings(http2_connection& c) {
  const http2_options& o = c.options_;
  const bool serves = c.side_ == role::server;
  const nghttp2_settings_entry settings[] = {
      {serves ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS : NGHTTP2_SETTINGS_ENABLE_PUSH,
       serves ? o.streams : 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, o.stream_window},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, o.frame_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(o.head_bytes)}};
  nghttp2_submit_settings(c.session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(c.session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(o.connection_window));
}

nghttp2_data_provider http2_connection::callbacks::body_of(http2_stream_state& s) {
  nghttp2_data_provider out;
  out.source.ptr = &s;
  out.read_callback = plan_data;
  return out;
}

// --- what comes

int http2_connection::callbacks::begin_frame(nghttp2_session*, const nghttp2_frame_hd* h, void* c) noexcept {
  http2_connection& of = http2_of(c);
  if (h->type == NGHTTP2_HEADERS || h->type == NGHTTP2_CONTINUATION) return 0;
  if (h->type == NGHTTP2_DATA && h->length > 0) return 0;
  const double cost = h->type == NGHTTP2_WINDOW_UPDATE ? http2_flood_guard::window_update : 1;
  if (of.guard_.control(std::chrono::steady_clock::now(), cost)) return 0;
  of.flooded_ = true;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int http2_connection::callbacks::begin_head(nghttp2_session*, const nghttp2_frame* f, void* c) noexcept {
  return http2_guarded([&] {
    http2_connection& of = http2_of(c);
    const bool is_request = f->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (is_request && of.streams_.size() >= of.options_.streams)
      return nghttp2_submit_rst_stream(of.session_, NGHTTP2_FLAG_NONE, f->hd.stream_id,
                                       NGHTTP2_REFUSED_STREAM);
    of.heads_[f->hd.stream_id] = {};
    if (is_request) begin_request(of, f->hd.stream_id);
    return 0;
  });
}

void http2_connection::callbacks::begin_request(http2_connection& c, std::int32_t id) {
  const auto s =
      std::make_shared<http2_stream_state>(c, c.below_->get_executor(), std::make_unique<http2_body>());
  s->id = id;
  c.streams_[id] = s;
}

int http2_connection::callbacks::field(nghttp2_session*, const nghttp2_frame* f, const std::uint8_t* name,
                                       std::size_t name_size, const std::uint8_t* value,
                                       std::size_t value_size, std::uint8_t, void* c) noexcept {
  return http2_guarded([&]() -> int {
    http2_connection& of = http2_of(c);
    const auto found = of.heads_.find(f->hd.stream_id);
    if (found == of.heads_.end()) return 0;
    found->second.add(http2_text(name, name_size), http2_text(value, value_size));
    return found->second.size() > of.options_.head_bytes ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
  });
}

void http2_connection::callbacks::head_ends(http2_connection& c, const nghttp2_frame& f) {
  const auto found = c.heads_.find(f.hd.stream_id);
  const stream_ptr s = c.find(f.hd.stream_id);
  if (found == c.heads_.end() || !s) return;
  http2_head head = std::move(found->second);
  c.heads_.erase(found);
  if (f.headers.cat == NGHTTP2_HCAT_REQUEST) {
    c.settled_ = true;
    c.take_(c, {s, std::move(head)});
  } else {
    s->receive_head(head);
    c.touch(s);
  }
}

int http2_connection::callbacks::frame(nghttp2_session*, const nghttp2_frame* f, void* c) noexcept {
  return http2_guarded([&] {
    http2_connection& of = http2_of(c);
    if (f->hd.type == NGHTTP2_SETTINGS && of.side_ == role::client) of.settled_ = true;
    if (f->hd.type == NGHTTP2_GOAWAY) of.note_goaway(f->goaway.error_code);
    if (f->hd.type == NGHTTP2_HEADERS) head_ends(of, *f);
    if (!ends_stream(*f)) return 0;
    if (const stream_ptr s = of.find(f->hd.stream_id)) {
      s->receive_end();
      of.touch(s);
    }
    return 0;
  });
}

int http2_connection::callbacks::data(nghttp2_session*, std::uint8_t, std::int32_t id,
                                      const std::uint8_t* bytes, std::size_t size, void* c) noexcept {
  return http2_guarded([&] {
    http2_connection& of = http2_of(c);
    const stream_ptr s = of.find(id);
    if (!s) return nghttp2_session_consume(of.session_, id, size);
    of.guard_.data();
    of.unread_ += size;
    of.held_ += size;
    of.touch(s);
    s->receive({reinterpret_cast<const std::byte*>(bytes), size});
    of.settle_window();
    return 0;
  });
}

int http2_connection::callbacks::stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code,
                                               void* c) noexcept {
  return http2_guarded([&] {
    http2_connection& of = http2_of(c);
    of.heads_.erase(id);
    if (const stream_ptr s = of.find(id)) of.stream_ended(s, code);
    return 0;
  });
}

// --- what goes

ssize_t http2_connection::callbacks::frame_room(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t,
                                                std::int32_t, std::uint32_t peer_takes, void* c) noexcept {
  return std::min(peer_takes, http2_of(c).options_.frame_bytes);
}

ssize_t http2_connection::callbacks::plan_data(nghttp2_session*, std::int32_t id, std::uint8_t*,
                                               std::size_t room, std::uint32_t* flags,
                                               nghttp2_data_source* from, void* c) noexcept {
  return http2_guarded([&]() -> int {
    http2_connection& of = http2_of(c);
    auto& s = *static_cast<http2_stream_state*>(from->ptr);
    const http2_stream_state::plan next = s.next_frame(room);
    if (next.waits) return NGHTTP2_ERR_DEFERRED;
    if (!next.ends) {
      *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
      return static_cast<int>(next.bytes);
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    const http2_head trailers = of.side_ == role::server ? s.body().trailers() : http2_head();
    if (trailers.fields().empty()) return 0;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const auto fields = nghttp2_fields(trailers);
    return nghttp2_submit_trailer(of.session_, id, fields.data(), fields.size());
  });
}

int http2_connection::callbacks::write_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header,
                                            std::size_t size, nghttp2_data_source* from, void* c) noexcept {
  constexpr std::size_t header_size = 9;
  http2_connection& of = http2_of(c);
  const bytes room = of.room_.subspan(of.used_);
  if (room.size() < header_size + size) return NGHTTP2_ERR_WOULDBLOCK;
  std::memcpy(room.data(), header, header_size);
  auto& s = *static_cast<http2_stream_state*>(from->ptr);
  if (!s.write_frame(room.data() + header_size, size)) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  of.used_ += header_size + size;
  of.guard_.data();
  return 0;
}

int http2_connection::callbacks::frame_sent(nghttp2_session*, const nghttp2_frame* f, void* c) noexcept {
  return http2_guarded([&] {
    http2_connection& of = http2_of(c);
    if (f->hd.type == NGHTTP2_GOAWAY) of.note_goaway(f->goaway.error_code);
    const stream_ptr s = ends_stream(*f) ? of.find(f->hd.stream_id) : nullptr;
    if (s) s->end_was_sent();
    return 0;
  });
}

}  // namespace muxpro::proxy
