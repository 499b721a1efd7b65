#include "proxy/xhttp/part_data.hpp"

#include "proxy/base/text.hpp"
#include "proxy/http/cookies.hpp"
#include "proxy/http/request.hpp"
#include "proxy/websocket/early_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace muxpro::proxy {

namespace {

using data_place = xhttp_data_place;

/// What a field takes beside its name and its value. HTTP/2 counts 32 (RFC 9113 section 6.5.2).
constexpr std::size_t field_overhead = 32 + 4;
/// A server has a limit of their number.
constexpr std::size_t most_data_fields = 200;
/// Host, User-Agent and others.
constexpr std::size_t usual_fields = 1024;
constexpr std::size_t least_room = 256;

/// Pieces by their numbers, which may come in any order.
class numbered_pieces {
 public:
  explicit numbered_pieces(std::string beginning) : beginning_(std::move(beginning)) {}

  void add(std::string_view name, std::string_view value) {
    if (!name.starts_with(beginning_)) return;
    if (const auto n = number<std::uint32_t>(name.substr(beginning_.size()))) pieces_.emplace(*n, value);
  }
  /// From 0 to the first that is not there, or is empty.
  std::string joined() const {
    std::string out;
    std::uint32_t next = 0;
    for (const auto& [n, text] : pieces_) {
      if (n != next++ || text.empty()) break;
      out += text;
    }
    return out;
  }

 private:
  const std::string beginning_;
  std::map<std::uint32_t, std::string_view> pieces_;
};

std::string text_in_fields(const http_request& r, const xhttp_options& o) {
  numbered_pieces pieces(lower_case(o.data_key) + '-');
  for (const http_field& f : r.fields) pieces.add(lower_case(f.name), f.value);
  return pieces.joined();
}

std::string text_in_cookies(const http_request& r, const xhttp_options& o) {
  numbered_pieces pieces(o.data_key + '_');
  any_cookie(r.fields, [&pieces](std::string_view name, std::string_view value) {
    pieces.add(name, value);
    return false;
  });
  return pieces.joined();
}

bool append_decoded(std::vector<std::byte>& to, const std::string& text) {
  const std::vector<std::byte> data = read_early_data(text);
  to.insert(to.end(), data.begin(), data.end());
  return text.empty() || !data.empty();
}

}  // namespace

bool puts_data_in_head(const xhttp_options& o) noexcept {
  return o.data_place == data_place::header || o.data_place == data_place::cookie;
}

bool takes_data_in_body(const xhttp_options& o) noexcept { return !puts_data_in_head(o); }

std::size_t most_data_in_head(const xhttp_options& o) noexcept {
  std::size_t rest = usual_fields + o.padding.most + o.path.size() + o.query.size();
  for (const http_field& f : o.fields) rest += f.name.size() + f.value.size() + field_overhead;
  const std::size_t room = std::max(o.head_bytes, rest + least_room) - rest;
  const std::size_t least = std::max<std::size_t>(o.data_chunk.least, 1);
  const std::size_t extra = o.data_key.size() + 4 + field_overhead;  // the number has 3 digits, and a hyphen
  const std::size_t letters = room * least / (least + extra);
  return std::min(letters - std::min(letters / 2, extra), most_data_fields * least) * 3 / 4;
}

void put_data_in_head(http_request& r, const xhttp_options& o, const_bytes data, std::size_t chunk) {
  const std::string text = early_data_text(data);
  const bool cookies = o.data_place == data_place::cookie;
  for (std::size_t at = 0, n = 0; at < text.size(); at += chunk, ++n) {
    const std::string name = fmt::format("{}{}{}", o.data_key, cookies ? '_' : '-', n);
    if (cookies)
      add_cookie(r.fields, name, text.substr(at, chunk));
    else
      r.fields.push_back({name, text.substr(at, chunk)});
  }
}

std::optional<std::vector<std::byte>> data_in_head(const http_request& r, const xhttp_options& o) {
  std::vector<std::byte> out;
  const bool any = o.data_place == data_place::automatic;
  const bool fields = any || o.data_place == data_place::header;
  const bool cookies = any || o.data_place == data_place::cookie;
  if (fields && !append_decoded(out, text_in_fields(r, o))) return std::nullopt;
  if (cookies && !append_decoded(out, text_in_cookies(r, o))) return std::nullopt;
  return out;
}

}  // namespace muxpro::proxy
