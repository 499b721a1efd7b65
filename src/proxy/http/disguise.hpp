// The heads of HTTP/1.1 that the raw carrier can put in front of its bytes, one in each direction ("header"
// of type "http"). The bytes behind them are no HTTP. Ring 4, a rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// A field of a head. Each head has one of the values.
struct disguise_field {
  std::string name;
  std::vector<std::string> values;
};

/// The defaults are those of V2Ray.
struct http_disguise {
  /// The longest head that is read, as in V2Ray and Xray.
  static constexpr std::size_t longest = 8192;

  std::string version = "1.1";
  std::string method = "GET";
  std::vector<std::string> paths{"/"};  ///< a request has one of them
  std::vector<disguise_field> request{
      {"Host", {"www.baidu.com", "www.bing.com"}},
      {"User-Agent",
       {"Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/53.0.2785.143 "
        "Safari/537.36"}},
      {"Accept-Encoding", {"gzip, deflate"}},
      {"Connection", {"keep-alive"}},
      {"Pragma", {"no-cache"}}};
  bool checks_path = false;  ///< for a server, clients must ask for one of the paths

  std::string answer_version = "1.1";
  std::string status = "200", reason = "OK";
  std::vector<disguise_field> answer{{"Content-Type", {"application/octet-stream", "video/mpeg"}},
                                     {"Transfer-Encoding", {"chunked"}},
                                     {"Connection", {"keep-alive"}},
                                     {"Pragma", {"no-cache"}}};
};

/// Returns a number below its argument, which is 1 at least.
using disguise_draw = std::function<std::size_t(std::size_t)>;

std::string disguise_request(const http_disguise& d, const disguise_draw& draw);
std::string disguise_answer(const http_disguise& d, const disguise_draw& draw);
/// Whether a server goes on behind this head of a client, which ends with an empty line.
bool accepts_disguise(const http_disguise& d, std::string_view head);
/// What a server sends to others before it ends the connection.
std::string_view disguise_refusal() noexcept;

/// Most bytes that can be read behind `so_far` without reading past the head's empty line.
std::size_t missing_in_head(std::string_view so_far) noexcept;
inline bool is_whole_head(std::string_view so_far) noexcept { return so_far.ends_with("\r\n\r\n"); }

}  // namespace muxpro::proxy
