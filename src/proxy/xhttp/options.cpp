#include "proxy/xhttp/options.hpp"

namespace muxpro::proxy {

void set_xhttp_path(xhttp_options& to, std::string_view path) {
  const auto mark = path.find('?');
  to.query = mark == std::string_view::npos ? std::string() : std::string(path.substr(mark + 1));
  to.path = path.substr(0, mark);
  if (!to.path.starts_with('/')) to.path.insert(0, "/");
  if (!to.path.ends_with('/')) to.path += '/';
}

bool uses_path(const xhttp_options& o) noexcept {
  return o.session.where == xhttp_label::place::path || o.number.where == xhttp_label::place::path;
}

bool uses_cookies(const xhttp_options& o) noexcept {
  const auto in_cookie = [](const xhttp_label& l) { return l.where == xhttp_label::place::cookie; };
  const bool padding = o.padding_form.chosen && o.padding_form.where == xhttp_padding_form::place::cookie;
  return in_cookie(o.session) || in_cookie(o.number) || padding || o.data_place == xhttp_data_place::cookie;
}

xhttp_mode chosen_mode(xhttp_mode m, bool reality, bool download_elsewhere) noexcept {
  if (m != xhttp_mode::automatic) return m;
  if (!reality) return xhttp_mode::packet_up;
  return download_elsewhere ? xhttp_mode::stream_up : xhttp_mode::stream_one;
}

}  // namespace muxpro::proxy
