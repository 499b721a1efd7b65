#include "proxy/http/disguise.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace muxpro::proxy {

namespace {

const std::string& one_of(const std::vector<std::string>& all, const disguise_draw& draw) {
  return all[all.size() == 1 ? 0 : draw(all.size())];
}

std::string with_fields(std::string first_line, const std::vector<disguise_field>& fields,
                        const disguise_draw& draw) {
  for (const disguise_field& f : fields)
    if (!f.values.empty()) first_line += fmt::format("{}: {}\r\n", f.name, one_of(f.values, draw));
  return first_line + "\r\n";
}

}  // namespace

std::string disguise_request(const http_disguise& d, const disguise_draw& draw) {
  return with_fields(fmt::format("{} {} HTTP/{}\r\n", d.method, one_of(d.paths, draw), d.version), d.request,
                     draw);
}

std::string disguise_answer(const http_disguise& d, const disguise_draw& draw) {
  return with_fields(fmt::format("HTTP/{} {} {}\r\n", d.answer_version, d.status, d.reason), d.answer, draw);
}

bool accepts_disguise(const http_disguise& d, std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t method_ends = line.find(' ');
  if (method_ends == std::string_view::npos || method_ends == 0) return false;
  const std::string_view rest = line.substr(method_ends + 1);
  const std::string_view path = rest.substr(0, rest.find(' '));
  if (path.size() == rest.size() || !rest.substr(path.size() + 1).starts_with("HTTP/")) return false;
  return !d.checks_path || std::find(d.paths.begin(), d.paths.end(), path) != d.paths.end();
}

std::string_view disguise_refusal() noexcept {
  return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

std::size_t missing_in_head(std::string_view so_far) noexcept {
  constexpr std::string_view end = "\r\n\r\n";
  std::size_t has = end.size() - 1;
  while (!so_far.ends_with(end.substr(0, has))) --has;
  return end.size() - has;
}

}  // namespace muxpro::proxy
