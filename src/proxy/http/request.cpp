#include "proxy/http/request.hpp"

#include "proxy/base/byte_reader.hpp"
#include "proxy/base/text.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace muxpro::proxy {

namespace {

struct refusal {
  http_status answer;
  const char* reason;
};
using verdict_on_head = std::optional<refusal>;  ///< no value to go on

refusal bad(const char* reason) { return {http_status::bad_request, reason}; }

/// Decodes percent-encoded characters that a name may have (RFC 3986 section 3.2.2). Returns nothing if there
/// is any other.
std::optional<std::string> decoded_name(std::string_view text) {
  std::string name;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.front() != '%') {
      name += text.front();
      continue;
    }
    const int high = hex_value(text.size() > 2 ? text[1] : ' '),
              low = hex_value(text.size() > 2 ? text[2] : ' ');
    const char c = high < 0 || low < 0 ? ' ' : static_cast<char>(high << 4 | low);
    if (!is_digit(c) && !is_letter(c) && std::string_view("-._").find(c) == std::string_view::npos)
      return std::nullopt;
    name += c;
    text.remove_prefix(2);
  }
  return name;
}

std::optional<host_port> read_authority(std::string_view text, std::uint16_t default_port) {
  const http_authority a(text);
  const auto name = a.host.starts_with('[') ? std::string(a.host) : decoded_name(a.host);
  if (!name) return std::nullopt;
  host_port where(address(*name), a.port_or(default_port));
  if (where.port == 0 || !where.host.valid()) return std::nullopt;
  return where;
}

/// By its form alone, because the target names the host (RFC 9112 section 3.2.2).
bool is_host_field(std::string_view value) {
  const http_authority a(value);
  const auto in_name = [](char c) {
    return is_digit(c) || is_letter(c) ||
           std::string_view("-._~%!$&'()*+,;=").find(c) != std::string_view::npos;
  };
  if (a.port_or(80) == 0) return false;
  return a.host.starts_with('[') ? address(a.host).valid()
                                 : std::all_of(a.host.begin(), a.host.end(), in_name);
}

/// Elements of an Upgrade field that may go on, behind those in `to`.
void add_protocols(std::string_view list, std::string& to) {
  any_element(list, [&to](std::string_view p) {
    const std::size_t slash = p.find('/');
    const std::string_view name = p.substr(0, slash);
    const bool good = is_token(name) && (slash == std::string_view::npos || is_token(p.substr(slash + 1)));
    if (good && !is_name(name, "h2c")) to.append(to.empty() ? "" : ", ").append(p);
    return false;
  });
}

class head_reader {
 public:
  explicit head_reader(http_target_form form) noexcept : form_(form) {}
  verdict_on_head read(std::string_view head);
  http_request request;

 private:
  verdict_on_head read_first_line(std::string_view line);
  verdict_on_head read_absolute_form(std::string_view target);
  verdict_on_head read_field(std::string_view line);
  verdict_on_head read_known_field(const http_field& f);
  verdict_on_head read_connection(std::string_view options);
  void read_closing(std::string_view options);
  verdict_on_head read_length(std::string_view value);
  verdict_on_head read_coding(std::string_view value);
  verdict_on_head judge() const;

  const http_target_form form_;
  unsigned hosts_ = 0;
  bool wants_upgrade_ = false, closes_ = false, max_forwards_ = false;
};

verdict_on_head head_reader::read(std::string_view head) {
  if (auto no = read_first_line(take_line(head))) return no;
  for (std::string_view line = take_line(head); !line.empty(); line = take_line(head))
    if (auto no = read_field(line)) return no;
  request.keeps = request.version_1_1 && !closes_;
  if (!wants_upgrade_ || !request.version_1_1 || request.is_connect()) request.upgrade.clear();
  return judge();
}

// RFC 9112 section 3. Methods are names, and each but TRACE goes on as it is.
verdict_on_head head_reader::read_first_line(std::string_view line) {
  const auto words = split_request_line(line);
  if (!words) return bad("The first line is not METHOD TARGET VERSION.");
  const auto [method, target, version] = *words;
  request.method = method;
  if (!is_token(request.method)) return bad("The method is not a name.");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return bad("The version is not HTTP/1.0 or HTTP/1.1.");
  request.version_1_1 = version == "HTTP/1.1";
  const auto visible = [](char c) { return c > ' ' && c < 0x7f && c != '#'; };
  if (!std::all_of(target.begin(), target.end(), visible))
    return bad("The target has characters that a URI must not have.");
  if (form_ == http_target_form::origin) {
    request.path = target;
    return target.starts_with('/') ? verdict_on_head() : bad("The target is not a path.");
  }
  if (!request.is_connect()) return read_absolute_form(target);
  const auto where = read_authority(target, 0);
  if (!where) return bad("The target of a CONNECT is not HOST:PORT.");
  request.target = {network::tcp, where->host, where->port};
  return std::nullopt;
}

// A target without a path is "/", that of an OPTIONS "*" (RFC 9112 section 3.2.4).
verdict_on_head head_reader::read_absolute_form(std::string_view target) {
  constexpr std::string_view scheme = "http://";
  if (!is_name(target.substr(0, scheme.size()), scheme))
    return target.find("://") == std::string_view::npos
               ? bad("The target is not an absolute URI: this is a proxy.")
               : refusal{http_status::not_implemented, "The proxy forwards http; ask for others by CONNECT."};
  target.remove_prefix(scheme.size());
  const std::size_t path = std::min(target.find_first_of("/?"), target.size());
  const auto where = read_authority(target.substr(0, path), 80);
  if (!where) return bad("The target has no valid host.");
  request.target = {network::tcp, where->host, where->port};
  target.remove_prefix(path);
  const bool is_server = target.empty() && request.method == "OPTIONS";
  if (is_server || !target.starts_with('/')) request.path += is_server ? '*' : '/';
  request.path += target;
  return std::nullopt;
}

verdict_on_head head_reader::read_field(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return bad("A field is folded.");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("A field has no colon.");
  if (!is_token(line.substr(0, colon))) return bad("The name of a field is not a token.");
  request.fields.push_back(
      {std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
  return read_known_field(request.fields.back());
}

verdict_on_head head_reader::read_known_field(const http_field& f) {
  if (is_name(f.name, "connection")) return read_connection(f.value);
  if (is_name(f.name, "proxy-connection")) read_closing(f.value);
  if (is_name(f.name, "content-length")) return read_length(f.value);
  if (is_name(f.name, "transfer-encoding")) return read_coding(f.value);
  if (is_name(f.name, "max-forwards")) max_forwards_ = true;
  if (is_name(f.name, "host")) {
    if (++hosts_ > 1) return bad("There are several Host fields.");
    if (!is_host_field(f.value)) return bad("The Host field is not a valid host.");
  }
  if (is_name(f.name, "upgrade")) add_protocols(f.value, request.upgrade);
  return std::nullopt;
}

// It names fields that end here. If the framing did, the upstream would see another message.
verdict_on_head head_reader::read_connection(std::string_view options) {
  if (any_element(options, [](std::string_view o) { return !is_token(o); }))
    return bad("The Connection field is not a list of names.");
  const auto needed = [](std::string_view o) {
    return is_name(o, "host") || is_name(o, "content-length") || is_name(o, "transfer-encoding");
  };
  if (any_element(options, needed)) return bad("The Connection field names a field that has to stay.");
  wants_upgrade_ |= any_element(options, [](std::string_view o) { return is_name(o, "upgrade"); });
  read_closing(options);
  return std::nullopt;
}

void head_reader::read_closing(std::string_view options) {
  closes_ |= any_element(options, [](std::string_view o) { return is_name(o, "close"); });
}

verdict_on_head head_reader::read_length(std::string_view value) {
  if (request.body.what == http_framing::kind::length) return bad("There are several Content-Length fields.");
  if (request.body.what == http_framing::kind::chunked)
    return bad("There are both Content-Length and Transfer-Encoding.");
  const auto n = number<std::uint64_t>(value);
  if (!n || *n > std::numeric_limits<std::int64_t>::max()) return bad("The Content-Length is not a number.");
  request.body = {http_framing::kind::length, *n};
  return std::nullopt;
}

verdict_on_head head_reader::read_coding(std::string_view value) {
  if (!request.version_1_1) return bad("HTTP/1.0 has no Transfer-Encoding.");
  if (request.body.what == http_framing::kind::length)
    return bad("There are both Content-Length and Transfer-Encoding.");
  if (request.body.what == http_framing::kind::chunked)
    return bad("There are several Transfer-Encoding fields.");
  if (!is_name(value, "chunked"))
    return refusal{http_status::not_implemented, "The proxy supports no Transfer-Encoding but chunked."};
  request.body = {http_framing::kind::chunked, 0};
  return std::nullopt;
}

// Clients that CONNECT without a Host, or with a Content-Length of 0, exist, and no part of that head goes
// on. TRACE would show the client what the proxy adds, and Max-Forwards asks a proxy to answer (RFC 9110
// section 7.6.2).
verdict_on_head head_reader::judge() const {
  if (request.method == "TRACE")
    return refusal{http_status::method_not_allowed, "The proxy does not serve TRACE."};
  if (request.method == "OPTIONS" && max_forwards_)
    return refusal{http_status::not_implemented, "The proxy does not count Max-Forwards."};
  if (request.is_connect()) {
    const bool has_body = request.body.what == http_framing::kind::chunked || request.body.length != 0;
    return has_body ? verdict_on_head(bad("A CONNECT has no body.")) : std::nullopt;
  }
  if (request.version_1_1 && hosts_ == 0) return bad("There is no Host field.");
  return std::nullopt;
}

http_request_parser::step refused(refusal r) {
  return {.what = http_request_parser::status::refused, .answer = r.answer, .reason = r.reason};
}

http_request_parser::step read_whole(std::string_view head, std::size_t consumed, http_target_form form) {
  head_reader reader(form);
  if (const auto no = reader.read(head)) return refused(*no);
  return {.what = http_request_parser::status::complete,
          .consumed = consumed,
          .request = std::move(reader.request)};
}

}  // namespace

http_request_parser::step http_request_parser::next(const_bytes received) {
  using found = http_head_scanner::status;
  const std::string_view in = as_text(received);
  switch (scanner_.next(in)) {
    case found::need_more: return {};
    case found::complete: return read_whole(scanner_.head(in), scanner_.size(), form_);
    case found::bare_line_end: return refused(bad("A line does not end in CRLF."));
    case found::control_character: return refused(bad("There is a control character in the head."));
    case found::too_many_fields:
      return refused({http_status::head_too_large, "The request has too many fields."});
    case found::too_long: break;
  }
  return refused({http_status::head_too_large, "The head of the request is too long."});
}

}  // namespace muxpro::proxy
