#include "proxy/xhttp/request.hpp"

#include "proxy/base/text.hpp"
#include "proxy/base/uuid.hpp"
#include "proxy/http/cookies.hpp"
#include "proxy/http/target.hpp"
#include "proxy/xhttp/part_data.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

std::string_view field_text(const http_request& r, std::string_view name) {
  const http_field* const f = find_field(r.fields, name);
  return f ? std::string_view(f->value) : std::string_view();
}

xhttp_verdict refused_xhttp(unsigned status, const char* reason) {
  xhttp_verdict out;
  out.status = status;
  out.reason = reason;
  return out;
}

/// Takes the next part of a path off it.
std::string_view take_path_part(std::string_view& path) {
  const std::string_view part = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(part.size() + 1, path.size()));
  return part;
}

bool takes_purpose(xhttp_mode m, xhttp_purpose p) noexcept {
  using mode = xhttp_mode;
  switch (p) {
    case xhttp_purpose::both: return m != mode::packet_up;
    case xhttp_purpose::upload: return m == mode::automatic || m == mode::stream_up;
    case xhttp_purpose::post: return m == mode::automatic || m == mode::packet_up;
    default: return true;
  }
}

/// `rest` is that of the path, behind that of the server.
std::string_view label_in(const http_request& r, const xhttp_label& l, std::string_view& rest) {
  switch (l.where) {
    case xhttp_label::place::path: return take_path_part(rest);
    case xhttp_label::place::query: return query_value(r.path, l.key);
    case xhttp_label::place::header: return field_text(r, lower_case(l.key));
    case xhttp_label::place::cookie: return cookie_value(r.fields, l.key);
  }
  return {};
}

xhttp_verdict judge_post(const http_request& r, const xhttp_options& o, xhttp_verdict v,
                         std::string_view number_text) {
  const auto n = number<std::uint64_t>(number_text);
  if (!n) return refused_xhttp(400, "The number of a part is not a number.");
  auto data = data_in_head(r, o);
  if (!data) return refused_xhttp(400, "A part of the upload is not base64.");
  if (r.body.length > 0 && !takes_data_in_body(o))
    return refused_xhttp(400,
                         "A part of the upload is in the body, which uplinkDataPlacement does not allow.");
  if (r.body.length > o.post_bytes.most || data->size() > o.post_bytes.most - r.body.length)
    return refused_xhttp(413, "A part of the upload is too large.");
  v.number = *n;
  v.data = std::move(*data);
  return v;
}

xhttp_verdict judge_place(const http_request& r, const xhttp_options& o, std::string_view rest) {
  xhttp_verdict out;
  out.session = label_in(r, o.session, rest);
  const std::string_view number_text = label_in(r, o.number, rest);
  if (out.session.size() > longest_xhttp_session)
    return refused_xhttp(400, "The session has a name that is too long.");
  if (out.session.empty())
    out.what = xhttp_purpose::both;
  else if (number_text.empty())
    out.what = r.method == "GET" ? xhttp_purpose::download : xhttp_purpose::upload;
  else
    out.what = xhttp_purpose::post;
  if (out.what == xhttp_purpose::post) return judge_post(r, o, std::move(out), number_text);
  return out;
}

/// As Xray's client has it where no part of the path is the session or a number.
bool is_path_without_slash(const xhttp_options& o, std::string_view path, std::string_view own) noexcept {
  own.remove_suffix(1);
  return !uses_path(o) && path == own;
}

}  // namespace

// --- of a server

xhttp_verdict judge_xhttp(const http_request& r, const xhttp_options& o) {
  if (!o.host.empty() && host_name_of(field_text(r, "host")) != host_name_of(o.host))
    return refused_xhttp(404, "It is for another host.");
  const std::string path = decoded_path(r.path), own = decoded_path(o.path);
  if (!path.starts_with(own) && !is_path_without_slash(o, path, own))
    return refused_xhttp(404, "It is for another path.");
  if (r.method == "OPTIONS") {
    xhttp_verdict out;
    out.what = xhttp_purpose::preflight;
    return out;
  }
  if (!has_xhttp_padding(r, o.padding_form, o.padding))
    return refused_xhttp(400, "It has no padding of the right size.");
  xhttp_verdict out = judge_place(r, o, std::string_view(path).substr(std::min(path.size(), own.size())));
  const bool other = out.what != xhttp_purpose::refused && !takes_purpose(o.mode, out.what);
  return other ? refused_xhttp(400, "It is of another mode.") : out;
}

std::vector<http_field> xhttp_answer(const http_request& r, xhttp_purpose p, const xhttp_options& o,
                                     std::size_t padding) {
  const auto text_or_any = [&r](std::string_view name) {
    const std::string_view text = field_text(r, name);
    return text.empty() ? std::string("*") : std::string(text);
  };
  std::vector<http_field> out{{"Access-Control-Allow-Origin", text_or_any("origin")}};
  pad_answer(out, o.padding_form, xhttp_padding(o.padding_form, padding));
  if (uses_cookies(o)) out.push_back({"Access-Control-Allow-Credentials", "true"});
  if (p == xhttp_purpose::preflight) {
    out.push_back({"Access-Control-Allow-Methods", text_or_any("access-control-request-method")});
    out.push_back({"Access-Control-Allow-Headers", text_or_any("access-control-request-headers")});
  }
  // Answers to methods without a body may be kept.
  if (p == xhttp_purpose::post && r.body.length == 0) out.push_back({"Cache-Control", "no-store"});
  const bool streams = p == xhttp_purpose::both || p == xhttp_purpose::download || p == xhttp_purpose::upload;
  if (!streams) return out;
  out.push_back({"X-Accel-Buffering", "no"});
  out.push_back({"Cache-Control", "no-store"});
  if (o.event_stream && p != xhttp_purpose::upload) out.push_back({"Content-Type", "text/event-stream"});
  return out;
}

// --- of a client

namespace {

void append_label(std::string& path, const xhttp_label& l, const std::string& value) {
  if (l.where != xhttp_label::place::path || value.empty()) return;
  if (!path.ends_with('/')) path += '/';
  path += value;
}

void put_label(http_request& r, const xhttp_label& l, const std::string& value) {
  if (value.empty()) return;
  switch (l.where) {
    case xhttp_label::place::path: return;
    case xhttp_label::place::query: r.path = with_query(std::move(r.path), l.key, value); return;
    case xhttp_label::place::header: r.fields.push_back({l.key, value}); return;
    case xhttp_label::place::cookie: return add_cookie(r.fields, l.key, value);
  }
}

}  // namespace

http_request xhttp_request(const xhttp_question& q, const xhttp_options& o) {
  using kind = http_framing::kind;
  http_request r;
  r.method = q.what == xhttp_purpose::download ? "GET" : o.method;
  const std::string path = encoded_target(o.path);
  r.path = path;
  append_label(r.path, o.session, q.session);
  append_label(r.path, o.number, q.number);
  if (!o.query.empty()) r.path += '?' + encoded_target(o.query);
  r.fields.push_back({"Host", o.host});
  if (!find_field(o.fields, "user-agent")) r.fields.push_back({"User-Agent", std::string(browser_agent)});
  r.fields.insert(r.fields.end(), o.fields.begin(), o.fields.end());
  const bool post = q.what == xhttp_purpose::post, in_head = post && puts_data_in_head(o);
  if (in_head) put_data_in_head(r, o, q.part, q.chunk);
  pad_request(r, o.padding_form, fmt::format("{}://{}{}", q.secure ? "https" : "http", o.host, path),
              xhttp_padding(o.padding_form, q.padding));
  put_label(r, o.session, q.session);
  put_label(r, o.number, q.number);
  const bool streams = q.what == xhttp_purpose::both || q.what == xhttp_purpose::upload;
  if (streams && o.grpc_type) r.fields.push_back({"Content-Type", "application/grpc"});
  if (streams) r.body = {kind::chunked, 0};
  if (post) r.body = {kind::length, in_head ? 0 : q.part.size()};
  return r;
}

namespace {

void draw_xhttp_bytes(bytes to) {
  if (RAND_bytes(reinterpret_cast<unsigned char*>(to.data()), static_cast<int>(to.size())) != 1)
    throw std::runtime_error("OpenSSL has no random numbers");
}

std::uint64_t drawn_below(std::uint64_t limit) {
  std::uint64_t n = 0;  // so large that each is as likely as the others
  draw_xhttp_bytes(std::as_writable_bytes(std::span(&n, 1)));
  return n % limit;
}

std::string uuid_session() {
  uuid id{};
  draw_xhttp_bytes(id);
  id[6] = (id[6] & std::byte{0x0f}) | std::byte{0x40};
  id[8] = (id[8] & std::byte{0x3f}) | std::byte{0x80};
  return to_string(id);
}

}  // namespace

std::string new_xhttp_session(const xhttp_options& o) {
  if (o.session_letters.empty()) return uuid_session();
  const auto& [least, most] = o.session_length;
  std::string out(least + drawn_below(most - least + 1), ' ');
  for (char& c : out) c = o.session_letters[drawn_below(o.session_letters.size())];
  return out;
}

}  // namespace muxpro::proxy
