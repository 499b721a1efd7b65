// "dns" of a configuration.
#include "proxy/config/readers.hpp"

#include "proxy/base/text.hpp"
#include "proxy/names/name_rules.hpp"
#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_addresses = 64;
constexpr unsigned most_rcode = 4095;
constexpr std::uint32_t most_stale = 365 * 86400;
constexpr const char* server_forms =
    "localhost (the system's), fakedns, an IP address or a name (by UDP), tcp://HOST:PORT, "
    "https://HOST/PATH, the "
    "latter two with +local behind tcp and https to go past the rules";

void read_host_text(const std::string& text, const std::string& path, config_mistakes& mistakes,
                    host_options& to) {
  std::error_code no_address;
  const auto a = asio::ip::make_address(text, no_address);
  if (text.starts_with('#'))
    to.rcode = number<std::uint16_t>(text.substr(1));
  else if (!no_address)
    to.addresses.push_back(a);
  else if (address(text).valid())
    to.alias = normalized(text);
  const bool is_rcode = to.rcode && *to.rcode <= most_rcode;
  if (text.starts_with('#') ? !is_rcode : no_address && !address(text).valid())
    mistakes.add(path, fmt::format("is '{}'; it must be an IP address, a name, or #RCODE", sanitized(text)));
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

/// The defaults of servers.
struct dns_defaults {
  dns_server_options server;
  bool serves_stale = false;
  std::uint32_t stale_seconds = 0;
};

/// A key that both "dns" and its servers have.
void read_told_client(settings& s, std::optional<asio::ip::address>& to) {
  std::string text;
  if (!s.text({"clientIp",
               "An IP address. Its network is sent to the server, which can then answer for a client there "
               "(EDNS client subnet)."},
              text) ||
      text.empty())
    return;
  std::error_code bad;
  to = asio::ip::make_address(text, bad);
  if (bad) s.wrong("clientIp", fmt::format("is '{}'; it must be an IP address", sanitized(text)));
}

void read_keeping(settings& s, dns_defaults& to) {
  bool disabled = !to.server.cache;
  s.flag({"disableCache", "Whether answers are not cached."}, disabled);
  to.server.cache = !disabled;
  s.flag({"serveStale",
          "Whether addresses are used after their time to live. They are then queried again at once."},
         to.serves_stale);
  s.number<std::uint32_t>(
      {"serveExpiredTTL", "Seconds for which such addresses are used; 0: until new ones arrive."},
      to.stale_seconds, 0, most_stale);
  to.server.stale = std::chrono::seconds(!to.serves_stale   ? 0
                                         : to.stale_seconds ? to.stale_seconds
                                                            : most_stale);
}

/// "UseIPv4" and the like.
void read_family(settings& s, name_family& to) {
  s.one_of<name_family>({"queryStrategy", "Which addresses of names are asked for."}, to,
                        {{"UseSystem", name_family::as_system},
                         {"UseIP", name_family::both},
                         {"UseIPv4", name_family::ipv4},
                         {"UseIPv6", name_family::ipv6}});
}

bool is_one_family(name_family f) { return f == name_family::ipv4 || f == name_family::ipv6; }

/// Returns false if muxpro cannot ask the server.
bool read_server_address(settings& s, std::string_view key, const std::string& text, dns_server_options& to) {
  if (read_dns_server_address(text, to)) return true;
  for (const auto& [scheme, what] : {std::pair("quic+local://", "DNS over QUIC"),
                                     std::pair("tls://", "DNS over TLS, and neither has Xray")})
    if (text.starts_with(scheme))
      return s.wrong(key, fmt::format("has '{}': muxpro has no {}", sanitized(text), what)), false;
  s.wrong(key, fmt::format("has '{}'; it must be localhost, fakedns, an IP address, a name, or tcp://, "
                           "tcp+local://, https://, https+local://, h2c:// or h2c+local:// with a HOST",
                           sanitized(text)));
  return false;
}

/// Takes "*" out of addresses. Other addresses are left out only if some are left.
bool take_star(std::vector<std::string>& texts) { return std::erase(texts, "*") > 0; }

void read_server_filters(settings& s, dns_server_options& to) {
  s.texts({"domains", "Names that this server is asked for first, written as in routing.rules.domain."},
          to.domains);
  s.texts({"expectIPs",
           "Addresses that are used from its answers, written as in routing.rules.ip. With * among them "
           "other addresses are used if there is no such address."},
          to.expected);
  to.prefers_expected = take_star(to.expected);
  s.flag({"allowUnexpectedIPs", "The same as * among expectIPs."}, to.prefers_expected);
  s.texts({"unexpectedIPs",
           "Addresses that are removed from its answers. With * among them they are used if there is no "
           "other address."},
          to.unexpected);
  to.avoids_unexpected = take_star(to.unexpected);
  s.flag({"skipFallback", "Whether this server is queried only for the names of domains."}, to.skip_fallback);
  s.flag({"finalQuery", "Whether no further server is queried after this one."}, to.final_query);
}

void read_server_object(settings& s, dns_defaults defaults, dns_options& to, config& whole) {
  dns_server_options& server = defaults.server;
  std::string text;
  s.needs("address", server_forms);
  const bool there = s.text({"address", fmt::format("The server: {}.", server_forms)}, text);
  const bool asked = there && read_server_address(s, "address", text, server);
  std::uint16_t port = server.at.port == 0 ? 53 : server.at.port;
  s.number<std::uint16_t>({"port", "The port of a server of UDP; others have it in their address."}, port, 0);
  if (server.transport == dns_transport::udp && port != 0) server.at.port = port;
  read_server_filters(s, server);
  read_family(s, server.family);
  if (is_one_family(server.family) && is_one_family(to.family) && server.family != to.family)
    s.wrong("queryStrategy", "leaves no address, since that of dns is for the other family");
  s.text({"tag", "The inbound of its queries for rules; default: that of dns."}, server.tag);
  read_told_client(s, server.client);
  duration limit = server.timeout;
  s.time({"timeoutMs", "Milliseconds for its reply; 0: the default."}, limit, std::chrono::milliseconds(1), 0,
         60'000);
  if (limit != duration(0)) server.timeout = limit;
  read_keeping(s, defaults);
  s.pass_over("cacheStrategy", "has no effect");
  if (!asked) return;
  whole.fakes_by_dns |= server.transport == dns_transport::fakes;
  if (!server.tag.empty()) whole.names_tags.push_back(server.tag);
  to.servers.push_back(std::move(server));
}

void read_server(settings& s, std::string_view key, const std::string& text, const dns_defaults& defaults,
                 dns_options& to, config& whole) {
  dns_server_options server = defaults.server;
  if (!read_server_address(s, key, text, server)) return;
  whole.fakes_by_dns |= server.transport == dns_transport::fakes;
  to.servers.push_back(std::move(server));
}

void read_servers(settings& s, const dns_defaults& defaults, dns_options& to, config& whole) {
  s.texts_or_objects(
      {"servers", fmt::format("Which servers are asked, in their order: {}, or objects.", server_forms)},
      [&](std::string_view key, const std::string& text) { read_server(s, key, text, defaults, to, whole); },
      [&](settings& o) { read_server_object(o, defaults, to, whole); });
}

void read_fallback_use(settings& s, dns_options& to) {
  bool never = false, only_matching = false;
  s.flag({"disableFallback", "Whether each server is queried only for the names of its domains."}, never);
  s.flag(
      {"disableFallbackIfMatch", "The same, only for names that match the domains of at least one server."},
      only_matching);
  using use = dns_options::fallback_use;
  to.fallback = never ? use::never : only_matching ? use::without_match : use::always;
}

dns_defaults read_defaults(settings& s, config& whole) {
  dns_defaults out;
  if (s.text({"tag",
              "The inbound of queries to servers for rules, which choose the outbound that they go by. Those "
              "of +local servers and of localhost go past the rules."},
             out.server.tag))
    whole.names_tags.push_back(out.server.tag);
  read_told_client(s, out.server.client);
  read_keeping(s, out);
  return out;
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
    s.flag({"useSystemHosts",
            "Whether the hosts file of this machine is read before any server is queried. It always is "
            "without servers, and where localhost is queried first."},
           options.system_hosts);
    read_family(s, options.family);
    read_fallback_use(s, options);
    s.flag({"enableParallelQuery",
            "Whether all servers of a name are asked at once. The first one of the list with "
            "addresses has the answer; of servers beside each other that have the same keys, "
            "the one that replies first."},
           options.parallel);
    const dns_defaults defaults = read_defaults(s, to);
    read_servers(s, defaults, options, to);
    try {
      to.names = std::make_shared<const name_rules>(options, geo);
    } catch (const std::invalid_argument& e) {
      report(s, e.what());
    }
  });
}

}  // namespace muxpro::proxy
