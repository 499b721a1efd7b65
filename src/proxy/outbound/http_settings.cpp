// The configuration of outbounds of protocol http.
#include "proxy/engine/built_in.hpp"
#include "proxy/outbound/http.hpp"
#include "proxy/outbound/settings.hpp"

#include "proxy/base/text.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace muxpro::proxy {

namespace {

std::string in_base64(const std::string& text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const auto* from = reinterpret_cast<const unsigned char*>(text.data());
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), from, static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

void take_http_user(settings& u, http_outbound_options& to) {
  const auto user = read_proxy_user(u);
  if (user.name.find(':') != std::string::npos)
    u.wrong("user", "has a ':', which a name of HTTP cannot have");
  to.credentials = in_base64(user.name + ":" + user.secret);
}

void read_fields(settings& s, http_outbound_options& to) {
  s.each({"headers", "Further fields of each request, a text each."},
         [&](const std::string& name, const setting& value, const std::string& path) {
           const auto* text = std::get_if<std::string>(&value.is);
           if (text && is_token(name) && std::all_of(text->begin(), text->end(), is_line_char))
             to.fields += fmt::format("{}: {}\r\n", name, *text);
           else
             s.mistakes().add(path, "must be a field of HTTP: a token, and a text of one line");
         });
}

void read_http_server(settings& s, outbound_plan& to) {
  http_outbound_options o;
  stream_address server;
  const auto listed = [&](settings& one) {
    server = read_server(one);
    one.objects({"users", "At most one user."}, [&](settings& u, std::size_t n) {
      if (n > 0) u.wrong("is one too many; an outbound has one user");
      take_http_user(u, o);
    });
  };
  if (!read_listed_server(s, "servers", listed)) {
    server = read_server(s);
    if (s.describing() || s.has("user") || s.has("pass")) take_http_user(s, o);
    accept_user_keys(s);
  }
  read_fields(s, o);
  to.server = std::move(server);
  to.make = [o](outbound_resources& from) -> outbound_factory {
    http_outbound_options own = o;
    own.relay = from.relay();
    return [server = from.dialer(), own](asio::io_context&) {
      return std::make_shared<http_outbound>(server, own);
    };
  };
}

}  // namespace

void add_http_outbound(registry& to) {
  to.outbounds.add("http", "An HTTP proxy that has CONNECT. It carries no datagrams.", read_http_server);
}

}  // namespace muxpro::proxy
