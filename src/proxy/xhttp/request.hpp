// The requests of XHTTP and their answers. Ring 4, a rule.
//   PATH/              the body is the upload, that of the answer the download
//   PATH/SESSION       GET: the body of the answer is the download; another method: the body is the upload
//   PATH/SESSION/N     the body is the N-th part of the upload, from 0
// SESSION and N may stand in the query, in a field or in a cookie instead, see xhttp_label; and a part in
// fields or cookies, see xhttp_data_place.
#pragma once

#include "proxy/http/request.hpp"
#include "proxy/xhttp/options.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

inline constexpr std::size_t longest_xhttp_session = 128;

/// What a request is for.
enum class xhttp_purpose : std::uint8_t { refused, preflight, both, download, upload, post };

struct xhttp_verdict {
  xhttp_purpose what = xhttp_purpose::refused;
  unsigned status = 200;        ///< of the answer
  const char* reason = "";      ///< one sentence, when refused
  std::string session;          ///< without one the request is for both
  std::uint64_t number = 0;     ///< of a post
  std::vector<std::byte> data;  ///< of a post, the bytes in its head, which go before its body
};

/// What a server does with a request.
xhttp_verdict judge_xhttp(const http_request& r, const xhttp_options& o);
/// The fields of an answer, with so many bytes of padding.
std::vector<http_field> xhttp_answer(const http_request& r, xhttp_purpose p, const xhttp_options& o,
                                     std::size_t padding);

/// A client's request. Its body is chunked where its size is not known. `session` and `number` may be empty.
struct xhttp_question {
  xhttp_purpose what = xhttp_purpose::both;
  std::string session, number;
  bool secure = false;
  std::size_t padding = 100;
  const_bytes part;          ///< of a post. It stands in the head, or the body is to have it.
  std::size_t chunk = 3000;  ///< characters of a field or a cookie with it
};
http_request xhttp_request(const xhttp_question& q, const xhttp_options& o);

/// A session's name, which is random.
std::string new_xhttp_session(const xhttp_options& o);

}  // namespace muxpro::proxy
