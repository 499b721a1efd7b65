// http2_connection::callbacks: the functions that nghttp2 calls. Ring 4.
#pragma once

#include "proxy/transport/http2_connection.hpp"

#include <nghttp2/nghttp2.h>

#include <vector>

namespace muxpro::proxy {

/// They refer to the texts of `h`.
std::vector<nghttp2_nv> nghttp2_fields(const http2_head& h);

struct http2_connection::callbacks {
  static nghttp2_session* make_session(http2_connection& c);
  static void submit_settings(http2_connection& c);
  static nghttp2_data_provider body_of(http2_stream_state& s);

 private:
  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* h, void* c) noexcept;
  static int begin_head(nghttp2_session*, const nghttp2_frame* f, void* c) noexcept;
  static int field(nghttp2_session*, const nghttp2_frame* f, const std::uint8_t* name, std::size_t name_size,
                   const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* c) noexcept;
  static int frame(nghttp2_session*, const nghttp2_frame* f, void* c) noexcept;
  static int data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                  std::size_t size, void* c) noexcept;
  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* c) noexcept;
  static int frame_sent(nghttp2_session*, const nghttp2_frame* f, void* c) noexcept;
  static int write_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header, std::size_t size,
                        nghttp2_data_source* from, void* c) noexcept;
  static ssize_t frame_room(nghttp2_session*, std::uint8_t type, std::int32_t id, std::int32_t window,
                            std::int32_t stream_window, std::uint32_t peer_takes, void* c) noexcept;
  static ssize_t plan_data(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* from, void* c) noexcept;

  static void begin_request(http2_connection& c, std::int32_t id);
  static void head_ends(http2_connection& c, const nghttp2_frame& f);
};

}  // namespace muxpro::proxy
