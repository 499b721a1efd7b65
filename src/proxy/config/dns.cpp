// "dns" of a configuration.
#include "proxy/config/readers.hpp"

#include "proxy/base/text.hpp"
#include "proxy/names/name_rules.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_addresses = 64;
constexpr std::string_view fakes_of_xray = "fakedns";

void read_host_text(const std::string& text, const std::string& path, config_mistakes& mistakes,
                    host_options& to) {
  std::error_code no_address;
  const auto a = asio::ip::make_address(text, no_address);
  const bool is_rcode = text.starts_with('#') && number<unsigned>(text.substr(1));
  if (!no_address)
    to.addresses.push_back(a);
  else if (!is_rcode && address(text).valid())
    to.alias = normalized(text);
  else if (!is_rcode)  // an error for the name is an answer without addresses
    mistakes.add(path, fmt::format("is '{}'; it must be an IP address, a name, or #RCODE", shown(text)));
}

void read_host(const std::string& key, const setting& value, const std::string& path,
               config_mistakes& mistakes, dns_options& to) {
  host_options host;
  host.name = key;
  const auto* list = std::get_if<setting::list>(&value.is);
  const auto* text = std::get_if<std::string>(&value.is);
  if (text) read_host_text(*text, path, mistakes, host);
  bool all_texts = text || (list && !list->empty() && list->size() <= most_addresses);
  for (std::size_t i = 0; all_texts && list && i < list->size(); ++i) {
    const auto* one = std::get_if<std::string>(&(*list)[i].is);
    if (one) read_host_text(*one, path, mistakes, host);
    all_texts = one != nullptr;
  }
  if (!all_texts)
    mistakes.add(path, fmt::format("it must be an IP address or a name, or a list of 1 to {} of them",
                                   most_addresses));
  to.hosts.push_back(std::move(host));
}

bool take_scheme(std::string& text, std::string_view scheme) {
  if (!text.starts_with(scheme)) return false;
  text.erase(0, scheme.size());
  return true;
}

/// What is asked at an address of a server. False: it is none that muxpro can ask.
bool read_server_address(settings& s, std::string_view key, std::string text, dns_server_options& to) {
  const auto cannot = [&](std::string_view what) {
    s.note(key, fmt::format("has '{}', which is not asked: muxpro has no {}", shown(text), what));
    return false;
  };
  if (text == "localhost" || text == "tcp+local://localhost") return true;
  if (text == fakes_of_xray) return false;
  for (const char* scheme : {"https://", "https+local://", "h2c://", "h2c+local://"})
    if (text.starts_with(scheme)) return cannot("DNS over HTTPS");
  if (text.starts_with("quic+local://")) return cannot("DNS over QUIC");
  if (text.starts_with("tls://")) return cannot("DNS over TLS");
  to.tcp = take_scheme(text, "tcp://") || take_scheme(text, "tcp+local://");
  take_scheme(text, "udp://");
  std::error_code bad;
  auto a = asio::ip::make_address(text, bad);
  if (bad) {
    const auto place = stream_address::parse(text);
    if (place && !place->is_unix() && !place->at.host.is_domain()) {
      a = asio::ip::make_address(place->at.host.to_string(), bad);
      to.port = place->at.port;
    }
  }
  if (bad) {
    if (address(text).is_domain() && address(text).valid()) return cannot("servers with a name");
    s.wrong(key, fmt::format("has '{}'; it must be localhost, an IP address, tcp://ADDRESS, or https://...",
                             shown(text)));
    return false;
  }
  to.at = a;
  return true;
}

/// "UseIPv4" and the like.
void read_family(settings& s, name_family& to) {
  s.one_of<name_family>({"queryStrategy", "Which addresses of names are asked for."}, to,
                        {{"UseSystem", name_family::as_system},
                         {"UseIP", name_family::both},
                         {"UseIPv4", name_family::ipv4},
                         {"UseIPv6", name_family::ipv6}});
}

void read_server_object(settings& s, dns_options& to, bool& fakes) {
  dns_server_options server;
  std::string text;
  s.needs("address", "localhost, an IP address, tcp://ADDRESS or https://...");
  const bool there =
      s.text({"address", "The server: localhost (the system's), an IP address, tcp://ADDRESS."}, text);
  const bool asked = there && read_server_address(s, "address", text, server);
  fakes |= text == fakes_of_xray;
  s.number<std::uint16_t>({"port", "The server's port."}, server.port, 1);
  s.texts({"domains", "Names that this server is asked for first, written as in routing.rules.domain."},
          server.domains);
  s.texts({"expectIPs", "Addresses that are taken of its answers, written as in routing.rules.ip."},
          server.expected);
  s.texts({"unexpectedIPs", "Addresses that are left out of its answers."}, server.unexpected);
  s.flag({"skipFallback", "Whether it is asked for no other names."}, server.skip_fallback);
  name_family family = name_family::both;
  read_family(s, family);
  for (const char* key : {"tag", "clientIp", "clientIP", "timeoutMs", "finalQuery", "disableCache",
                          "serveStale", "serveExpiredTTL", "cacheStrategy"})
    s.pass_over(key, "has no effect");
  if (asked) to.servers.push_back(std::move(server));
}

void read_server(settings& s, std::string_view key, const std::string& text, dns_options& to, bool& fakes) {
  dns_server_options server;
  fakes |= text == fakes_of_xray;
  if (read_server_address(s, key, text, server)) to.servers.push_back(std::move(server));
}

void read_servers(settings& s, dns_options& to, bool& fakes) {
  s.texts_or_objects(
      {"servers",
       "Which servers are asked, in their order: localhost (those of the system), an IP "
       "address, tcp://ADDRESS, fakedns, or objects."},
      [&](std::string_view key, const std::string& text) { read_server(s, key, text, to, fakes); },
      [&](settings& o) { read_server_object(o, to, fakes); });
}

}  // namespace

void read_names(settings& root, config& to, geo_files& geo) {
  dns_options options;
  root.object({"dns", "How names are resolved."}, [&](settings& s) {
    s.each(
        {"hosts",
         "Answers without a query: an IP address, a list of at most 64, another name, or #RCODE, by a name "
         "or a pattern as in routing.rules.domain."},
        [&](const std::string& key, const setting& value, const std::string& path) {
          read_host(key, value, path, s.mistakes(), options);
        });
    read_servers(s, options, to.fakes_by_dns);
    read_family(s, options.family);
    bool disabled = false, no_fallback = false, only_matching = false;
    s.flag({"disableCache", "Whether answers are not kept."}, disabled);
    s.flag({"disableFallback", "Whether a name of a server's domains is asked for only there."}, no_fallback);
    s.flag({"disableFallbackIfMatch", "The same."}, only_matching);
    options.cache = !disabled;
    options.fallback = !no_fallback && !only_matching;
    if (s.text({"tag", "Accepted from Xray's configurations: queries go out without the rules."},
               to.names_tag))
      s.note("tag", "has no effect: queries to servers do not go through the rules");
    for (const char* key :
         {"clientIp", "clientIP", "enableParallelQuery", "useSystemHosts", "serveStale", "serveExpiredTTL"})
      s.pass_over(key, "has no effect");
    try {
      to.names = std::make_shared<const name_rules>(options, geo);
    } catch (const std::invalid_argument& e) {
      report(s, e.what());
    }
  });
}

}  // namespace muxpro::proxy
