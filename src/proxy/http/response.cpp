#include "proxy/http/response.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/text.hpp"

#include <limits>
#include <utility>

namespace muxpro::proxy {

namespace {

using reason = const char*;  ///< null to go on

class response_reader {
 public:
  explicit response_reader(bool to_head) noexcept : to_head_(to_head) {}
  reason read(std::string_view head);
  http_response response;

 private:
  reason read_status_line(std::string_view line);
  reason read_field(std::string_view line);
  reason read_known_field(const http_field& f);
  reason read_length(std::string_view list);
  reason read_coding(std::string_view value);
  reason judge();

  const bool to_head_;
  bool chunked_ = false, closes_ = false, keeps_ = false;
};

reason response_reader::read(std::string_view head) {
  if (const reason no = read_status_line(take_line(head))) return no;
  for (std::string_view line = take_line(head); !line.empty(); line = take_line(head))
    if (const reason no = read_field(line)) return no;
  return judge();
}

// RFC 9112 section 4. Servers are about that leave out the space before an empty reason.
reason response_reader::read_status_line(std::string_view line) {
  constexpr std::string_view shape = "HTTP/1.1 200";
  if (line.size() < shape.size() || !is_digit(line[7]) || line[8] != ' ')
    return "The target's answer has no status line.";
  const auto status = number<unsigned>(line.substr(9, 3));
  response.version_1_1 = line[7] != '0';
  line.remove_prefix(shape.size());
  if (!status || *status < 100 || (!line.empty() && line.front() != ' '))
    return "The target's answer has no status line.";
  response.status = *status;
  if (!line.empty()) response.reason = line.substr(1);
  return nullptr;
}

// White space before the colon is removed (RFC 9112 section 5.1).
reason response_reader::read_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return "The target's answer has a folded field.";
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return "The target's answer has a field without a colon.";
  const std::string_view name = trimmed(line.substr(0, colon));
  if (!is_token(name)) return "The target's answer has a field without a name.";
  response.fields.push_back({std::string(name), std::string(trimmed(line.substr(colon + 1)))});
  return read_known_field(response.fields.back());
}

reason response_reader::read_known_field(const http_field& f) {
  const auto has = [&f](std::string_view option) {
    return any_element(f.value, [option](std::string_view o) { return is_name(o, option); });
  };
  if (is_name(f.name, "content-length")) return read_length(f.value);
  if (is_name(f.name, "transfer-encoding")) return read_coding(f.value);
  if (is_name(f.name, "connection")) {
    closes_ |= has("close");
    keeps_ |= has("keep-alive");
  }
  if (is_name(f.name, "www-authenticate"))
    response.authenticates_connection |= any_element(f.value, [](std::string_view o) {
      const std::string_view scheme = o.substr(0, o.find(' '));
      return is_name(scheme, "ntlm") || is_name(scheme, "negotiate");
    });
  return nullptr;
}

// The same length twice is one length (RFC 9112 section 6.3).
reason response_reader::read_length(std::string_view list) {
  bool any = false;
  const bool bad = any_element(list, [this, &any](std::string_view text) {
    const auto n = number<std::uint64_t>(text);
    any = true;
    if (!n || *n > std::numeric_limits<std::int64_t>::max()) return true;
    return std::exchange(response.length, n).value_or(*n) != *n;
  });
  return bad || !any ? "The target's answer has no clear Content-Length." : nullptr;
}

reason response_reader::read_coding(std::string_view value) {
  if (std::exchange(chunked_, true)) return "The target's answer has several Transfer-Encoding fields.";
  return is_name(value, "chunked") ? nullptr : "The target's answer has an unknown Transfer-Encoding.";
}

reason response_reader::judge() {
  using kind = http_framing::kind;
  http_response& r = response;
  if (chunked_ && r.length) return "The target's answer has both Content-Length and Transfer-Encoding.";
  if (chunked_ && !r.version_1_1) return "The target's answer is HTTP/1.0 and has a Transfer-Encoding.";
  const bool never = r.status / 100 == 1 || r.status == 204;
  if (never) r.length.reset();
  if (never || r.status == 304 || to_head_)
    r.body = {};
  else if (chunked_)
    r.body = {kind::chunked, 0};
  else if (r.length)
    r.body = {kind::length, *r.length};
  else
    r.body = {kind::until_close, 0};
  r.keeps = !closes_ && (r.version_1_1 || keeps_) && r.body.what != kind::until_close && r.status != 101;
  return nullptr;
}

http_response_parser::step refused(reason why) {
  return {.what = http_response_parser::status::refused, .reason = why};
}

}  // namespace

http_response_parser::step http_response_parser::next(const_bytes received) {
  using found = http_head_scanner::status;
  constexpr std::string_view begin = "HTTP/1.";
  const std::string_view in = as_text(received);
  // What is no HTTP may never have the end of a head.
  if (!begin.starts_with(in.substr(0, begin.size()))) return refused("The target does not answer in HTTP/1.");
  switch (scanner_.next(in)) {
    case found::need_more: return {};
    case found::complete: break;
    case found::bare_line_end: return refused("The target's answer has a line that does not end in CRLF.");
    case found::control_character: return refused("The target's answer has a control character in its head.");
    case found::too_many_fields: return refused("The target's answer has too many fields.");
    case found::too_long: return refused("The head of the target's answer is too long.");
  }
  response_reader reader(to_head_);
  if (const reason no = reader.read(scanner_.head(in))) return refused(no);
  return {.what = status::complete, .consumed = scanner_.size(), .response = std::move(reader.response)};
}

}  // namespace muxpro::proxy
