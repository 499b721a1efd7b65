// The options of XHTTP, which carries a connection in requests of HTTP. The download is the body of an
// answer, and uploads are bodies of requests. Ring 4, a rule.
#pragma once

#include "proxy/base/number_range.hpp"
#include "proxy/http/head.hpp"
#include "proxy/policy/reuse.hpp"
#include "proxy/xhttp/padding.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// How a connection is carried.
enum class xhttp_mode : std::uint8_t {
  automatic,   ///< a server accepts all others
  packet_up,   ///< uploads are many requests with numbers, the download is a request of its own
  stream_up,   ///< the upload is one request
  stream_one,  ///< one request for both
};

/// Where the session, or the number of a part of an upload, stands in a request.
struct xhttp_label {
  enum class place : std::uint8_t { path, query, header, cookie };
  place where = place::path;
  std::string key;  ///< unless it is a part of the path
};

/// Where the bytes of a part of an upload stand in its request. With `automatic` a client has them in the
/// body, and a server takes all.
enum class xhttp_data_place : std::uint8_t { automatic, body, header, cookie };

struct xhttp_options {
  xhttp_mode mode = xhttp_mode::automatic;
  /// What a client asks for. A server that has one refuses others.
  std::string host;
  std::string path = "/";          ///< begins and ends with a slash, and has no query
  std::string query;               ///< of a client's requests
  std::vector<http_field> fields;  ///< more of them, of a client's requests
  number_range padding{100, 1000};
  xhttp_padding_form padding_form;
  xhttp_label session, number;
  std::string session_letters;    ///< of which a client makes the name of a session, empty for a UUID
  number_range session_length{};  ///< of such a name
  std::string method = "POST";    ///< of a client's uploads
  xhttp_data_place data_place = xhttp_data_place::automatic;
  std::string data_key = "X-Data";      ///< of data in fields and cookies
  number_range data_chunk{3000, 4000};  ///< for a client, characters of such a field or cookie
  bool grpc_type = true;                ///< a client's streams claim to be those of gRPC
  bool event_stream = true;             ///< a server's downloads claim to be events
  /// Of a client's upload. A server refuses what has more than the upper limit.
  number_range post_bytes{1'000'000, 1'000'000};
  number_range post_interval_ms{30, 30};     ///< between two uploads of a client
  std::uint32_t waiting_posts = 30;          ///< that a server keeps while an earlier one is missing
  number_range server_padding_secs{20, 80};  ///< between two paddings of a server in answer to an upload
  std::size_t head_bytes = 8192;             ///< of a request
  /// A server uses X-Forwarded-For only if the request has one of these fields. Lower case.
  std::vector<std::string> trusted;
  reuse_limits xmux{{3, 3}, {}, {}, {600, 900}, {1800, 3000}};  ///< of a client's connections
};

/// Whether any part of the path is the session or a number.
bool uses_path(const xhttp_options& o) noexcept;
/// Whether anything stands in cookies.
bool uses_cookies(const xhttp_options& o) noexcept;

/// Slashes are added, and the query is taken off.
void set_xhttp_path(xhttp_options& to, std::string_view path);

/// Returns the mode of a client. A site that REALITY imitates carries one stream well, and CDNs pass on whole
/// requests.
xhttp_mode chosen_mode(xhttp_mode m, bool reality, bool download_elsewhere) noexcept;

}  // namespace muxpro::proxy
