#include "proxy/xhttp/request.hpp"

#include "proxy/base/text.hpp"
#include "proxy/base/uuid.hpp"
#include "proxy/http/target.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

constexpr std::string_view padding_key = "x_padding";

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

bool has_padding(const http_request& r, const number_range& bytes) {
  const std::string_view referer = field_text(r, "referer");
  const std::size_t n = query_value(referer.empty() ? r.path : referer, padding_key).size();
  return n >= bytes.least && n <= bytes.most;
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

xhttp_verdict judge_place(const http_request& r, std::string_view rest) {
  xhttp_verdict out;
  out.session = take_path_part(rest);
  const std::string_view number_text = take_path_part(rest);
  if (out.session.size() > longest_xhttp_session)
    return refused_xhttp(400, "The session has a name that is too long.");
  if (out.session.empty())
    out.what = xhttp_purpose::both;
  else if (number_text.empty())
    out.what = r.method == "GET" ? xhttp_purpose::download : xhttp_purpose::upload;
  else
    out.what = xhttp_purpose::post;
  const auto n = number<std::uint64_t>(number_text);
  if (out.what == xhttp_purpose::post && !n)
    return refused_xhttp(400, "The number of a part is not a number.");
  out.number = n.value_or(0);
  return out;
}

}  // namespace

// --- of a server

xhttp_verdict judge_xhttp(const http_request& r, const xhttp_options& o) {
  if (!o.host.empty() && host_name_of(field_text(r, "host")) != host_name_of(o.host))
    return refused_xhttp(404, "It is for another host.");
  const std::string path = decoded_path(r.path), own = decoded_path(o.path);
  if (!path.starts_with(own)) return refused_xhttp(404, "It is for another path.");
  if (r.method == "OPTIONS") {
    xhttp_verdict out;
    out.what = xhttp_purpose::preflight;
    return out;
  }
  if (!has_padding(r, o.padding)) return refused_xhttp(400, "It has no padding of the right size.");
  xhttp_verdict out = judge_place(r, std::string_view(path).substr(own.size()));
  if (!takes_purpose(o.mode, out.what)) return refused_xhttp(400, "It is of another mode.");
  const bool large = r.body.what == http_framing::kind::length && r.body.length > o.post_bytes.most;
  if (out.what == xhttp_purpose::post && large)
    return refused_xhttp(413, "A part of the upload is too large.");
  return out;
}

std::vector<http_field> xhttp_answer(const http_request& r, xhttp_purpose p, const xhttp_options& o,
                                     std::size_t padding) {
  const auto text_or_any = [&r](std::string_view name) {
    const std::string_view text = field_text(r, name);
    return text.empty() ? std::string("*") : std::string(text);
  };
  std::vector<http_field> out{{"Access-Control-Allow-Origin", text_or_any("origin")},
                              {"X-Padding", std::string(padding, 'X')}};
  if (p == xhttp_purpose::preflight) {
    out.push_back({"Access-Control-Allow-Methods", text_or_any("access-control-request-method")});
    out.push_back({"Access-Control-Allow-Headers", text_or_any("access-control-request-headers")});
  }
  const bool streams = p == xhttp_purpose::both || p == xhttp_purpose::download || p == xhttp_purpose::upload;
  if (!streams) return out;
  out.push_back({"X-Accel-Buffering", "no"});
  out.push_back({"Cache-Control", "no-store"});
  if (o.event_stream && p != xhttp_purpose::upload) out.push_back({"Content-Type", "text/event-stream"});
  return out;
}

// --- of a client

http_request xhttp_request(const xhttp_question& q, const xhttp_options& o) {
  using kind = http_framing::kind;
  http_request r;
  r.method = q.what == xhttp_purpose::download ? "GET" : "POST";
  const std::string path = encoded_target(o.path);
  r.path = path + q.session + (q.number.empty() ? "" : "/") + q.number;
  if (!o.query.empty()) r.path += '?' + encoded_target(o.query);
  r.fields.push_back({"Host", o.host});
  if (!find_field(o.fields, "user-agent")) r.fields.push_back({"User-Agent", std::string(browser_agent)});
  r.fields.insert(r.fields.end(), o.fields.begin(), o.fields.end());
  r.fields.push_back({"Referer", fmt::format("{}://{}{}?{}={}", q.secure ? "https" : "http", o.host, path,
                                             padding_key, std::string(q.padding, 'X'))});
  const bool streams = q.what == xhttp_purpose::both || q.what == xhttp_purpose::upload;
  if (streams && o.grpc_type) r.fields.push_back({"Content-Type", "application/grpc"});
  if (streams) r.body = {kind::chunked, 0};
  if (q.what == xhttp_purpose::post) r.body = {kind::length, q.size};
  return r;
}

std::string new_xhttp_session() {
  uuid id{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(id.data()), static_cast<int>(id.size())) != 1)
    throw std::runtime_error("OpenSSL has no random numbers");
  id[6] = (id[6] & std::byte{0x0f}) | std::byte{0x40};
  id[8] = (id[8] & std::byte{0x3f}) | std::byte{0x80};
  return to_string(id);
}

}  // namespace muxpro::proxy
