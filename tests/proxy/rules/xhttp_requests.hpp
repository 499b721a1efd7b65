// Requests of XHTTP for tests.
#pragma once

#include "catch.hpp"

#include "proxy/http/target.hpp"
#include "proxy/xhttp/request.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xhttp_test {

using namespace muxpro::proxy;
using purpose = xhttp_purpose;

inline xhttp_options at(const char* path) {
  xhttp_options o;
  o.host = "server.example";
  set_xhttp_path(o, path);
  return o;
}

inline http_request get(const std::string& path, std::size_t padding = 100) {
  http_request r;
  r.method = "GET";
  r.path = path;
  r.fields = {{"Host", "server.example:8443"},
              {"Referer", "https://server.example/up/?x_padding=" + std::string(padding, 'X')}};
  return r;
}

inline http_request post(const std::string& path) {
  http_request r = get(path);
  r.method = "POST";
  r.body = {http_framing::kind::chunked, 0};
  return r;
}

inline const std::string* field(const std::vector<http_field>& all, std::string_view name) {
  const http_field* const f = find_field(all, name);
  return f ? &f->value : nullptr;
}

}  // namespace xhttp_test
