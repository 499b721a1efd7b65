// The addresses of inbounds: reads "listen" and "port", and finds listeners whose addresses collide.
#include "proxy/base/text.hpp"
#include "proxy/config/readers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_places = 1024;  // of all inbounds, each needs a descriptor
constexpr const char* allowed_ports =
    "a port from 0 to 65535, a range such as 1000-1010, a list of both such as 80,443,1000-1010, or env:NAME";

struct port_list {
  std::set<std::uint16_t> ports;
  std::string mistake;  ///< what is wrong with the text, else empty
  std::string unset;    ///< a variable that the environment does not have
};

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// Adds a port or a range. Returns false if the item is neither. Keeps at most one port more than allowed.
bool add_range(std::string_view item, std::set<std::uint16_t>& to) {
  const auto dash = item.find('-');
  const auto first = number<std::uint16_t>(without_blanks(item.substr(0, dash)));
  const auto last =
      dash == std::string_view::npos ? first : number<std::uint16_t>(without_blanks(item.substr(dash + 1)));
  if (!first || !last || *first > *last) return false;
  for (std::uint32_t port = *first; port <= *last && to.size() <= most_places; ++port)
    to.insert(static_cast<std::uint16_t>(port));
  return true;
}

/// Calls `add` with the items of a list, until it returns false.
template <class Add>
bool each_item(std::string_view list, Add add) {
  for (;;) {
    const auto comma = list.find(',');
    if (!add(without_blanks(list.substr(0, comma)))) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

bool add_variable(const std::string& name, const environment& variables, port_list& to) {
  const char* const value = name.empty() ? nullptr : variables(name.c_str());
  if (!value) {
    to.unset = name;
    return !name.empty();
  }
  const auto add = [&](std::string_view item) { return add_range(item, to.ports); };
  if (!each_item(value, add))
    to.mistake = fmt::format(
        "names the environment variable {}, which is '{}'; it must be ports such as 1080, 1000-1010 or "
        "80,443",
        sanitized(name), sanitized(value));
  return true;
}

port_list ports_in(std::string_view text, const environment& variables) {
  constexpr std::string_view variable = "env:";
  port_list out;
  const auto add = [&](std::string_view item) {
    if (!item.starts_with(variable)) return add_range(item, out.ports);
    return add_variable(std::string(item.substr(variable.size())), variables, out);
  };
  if (!each_item(text, add))
    out.mistake = fmt::format("is '{}'; it must be {}", sanitized(text), allowed_ports);
  if (out.mistake.empty() && out.ports.size() > 1 && out.ports.contains(0))
    out.mistake = fmt::format("is '{}'; 0 takes a free port, and must stand alone", sanitized(text));
  return out;
}

/// Xray has the protocol, and it may need no port.
bool lacks_protocol(const inbound_config& i) { return !not_had_value("protocol", i.protocol).empty(); }

void read_ports(settings& s, const asio::ip::address& host, inbound_config& to, config_reading& with) {
  std::string text;
  if ((lacks_protocol(to) && !s.has("port")) || !s.needs("port", allowed_ports) ||
      !s.text_or_number({"port",
                         "The ports to listen on, a listener for each, at most 1024 in all inbounds; 0 takes "
                         "a free one. Not for unix sockets."},
                        text))
    return;
  const port_list found = ports_in(text, with.variables);
  with.places += found.ports.size();
  if (!found.mistake.empty()) return s.wrong("port", found.mistake);
  if (with.places > most_places)
    return s.wrong("port",
                   fmt::format("is one too many; all inbounds together may listen on {} ports", most_places));
  if (!found.unset.empty())
    with.unset.push_back({s.path("port"), fmt::format("names the environment variable {}, which is not set",
                                                      sanitized(found.unset))});
  for (const std::uint16_t port : found.ports) to.more.emplace_back(asio::ip::tcp::endpoint(host, port));
  to.at = to.more.empty() ? asio::ip::tcp::endpoint(host, 0) : to.more.front().at;
  if (!to.more.empty()) to.more.erase(to.more.begin());
}

void read_unix_place(settings& s, const std::string& listen, inbound_config& to) {
  s.pass_over("port", "has no effect: a unix socket has no port");
  const auto place = listening_address::parse(listen);
  if (!place)
    return s.wrong(
        "listen",
        fmt::format(
            "is '{}'; a path must have 1 to 107 bytes, and a mode behind a comma must be octal, such as 0660",
            sanitized(listen)));
  to.at = unix_endpoint(place->at.path);
  to.stream.socket.file_mode = place->mode;
}

/// A listener, with what makes two of them the same.
struct listen_address {
  std::string path;  ///< of the object in the configuration
  std::string shown;
  std::string name;  ///< of a unix socket
  asio::ip::address address;
  std::uint16_t port = 0;
  bool tcp = false, udp = false;
};

listen_address listen_address_of(std::string path, const stream_endpoint& at, bool tcp, bool udp) {
  listen_address out;
  out.path = std::move(path);
  out.shown = to_string(at);
  out.tcp = tcp;
  out.udp = udp;
  if (const std::string file = socket_file(at); !file.empty())
    out.name = std::filesystem::path(file).lexically_normal().string();
  else if (is_unix(at))
    out.name = out.shown;
  if (is_unix(at)) return out;
  out.address = to_tcp(at).address();
  out.port = to_tcp(at).port();
  if (out.address.is_v6() && out.address.to_v6().is_v4_mapped())
    out.address = asio::ip::make_address_v4(asio::ip::v4_mapped, out.address.to_v6());
  return out;
}

// :: takes what is sent to addresses of IPv4 as well.
bool covers(const asio::ip::address& all, const asio::ip::address& one) {
  return all.is_unspecified() && (all.is_v6() || one.is_v4());
}

bool collide(const listen_address& a, const listen_address& b) {
  if (!a.name.empty() || !b.name.empty()) return a.name == b.name;
  if (a.port != b.port || a.port == 0 || !((a.tcp && b.tcp) || (a.udp && b.udp))) return false;
  return a.address == b.address || covers(a.address, b.address) || covers(b.address, a.address);
}

std::vector<listen_address> listen_addresses_of(const config& c) {
  std::vector<listen_address> out;
  for (std::size_t i = 0; i < c.inbounds.size(); ++i) {
    const inbound_config& in = c.inbounds[i];
    const std::string path = fmt::format("inbounds[{}]", i);
    out.push_back(listen_address_of(path, in.at, in.plan.tcp, in.plan.udp));
    for (const auto& p : in.more) out.push_back(listen_address_of(path, p.at, in.plan.tcp, in.plan.udp));
  }
  if (c.metrics) out.push_back(listen_address_of("metrics", *c.metrics, true, false));
  if (c.api && c.api->listen) out.push_back(listen_address_of("api", *c.api->listen, true, false));
  return out;
}

}  // namespace

void read_place(settings& s, inbound_config& to, config_reading& with) {
  const std::string usual = to.may_be_open ? "0.0.0.0" : "127.0.0.1";
  std::string listen = usual;
  s.text(
      {"listen",
       "An IP address, localhost, PATH or unix:PATH for a unix socket (with ,MODE behind it, the octal mode "
       "of its file), @NAME in Linux's abstract namespace, or @@NAME, the same padded as haproxy does. On an "
       "address that other machines can reach the inbound needs accounts, client certificates or openToAll. "
       "Default: all addresses of IPv4, but 127.0.0.1 if clients need nothing of it, unless dokodemo-door "
       "follows redirected traffic."},
      listen);
  const bool left_out = !s.has("listen") || listen.empty();
  if (listen.empty()) listen = usual;
  if (left_out && to.known && !to.may_be_open)
    s.note("listen",
           "is left out, and clients need no account: it listens on 127.0.0.1, whereas Xray listens on all "
           "addresses; \"listen\" with an address, and accounts or \"openToAll\": true, do that");
  if (listen.starts_with('/') || listen.starts_with('@')) listen.insert(0, "unix:");
  if (listen.starts_with("unix:")) return read_unix_place(s, listen, to);
  const bool bracketed = listen.starts_with('[') && listen.ends_with(']');
  const std::string ip = bracketed ? listen.substr(1, listen.size() - 2) : listen;
  std::error_code bad;
  const auto host = asio::ip::make_address(ip == "localhost" ? "127.0.0.1" : ip, bad);
  if (bad)
    s.wrong("listen",
            fmt::format("is '{}'; it must be an IP address, localhost, unix:PATH, PATH,MODE or @NAME",
                        sanitized(listen)));
  read_ports(s, host, to, with);
}

// Reports one mistake for each object, because overlapping ranges would have hundreds.
void report_shared_places(const config& c, config_mistakes& to) {
  const std::vector<listen_address> all = listen_addresses_of(c);
  for (auto later = all.begin(); later != all.end(); ++later) {
    if (!to.all().empty() && to.all().back().path.starts_with(later->path + ".")) continue;
    const auto first = std::find_if(all.begin(), later, [&](const auto& p) { return collide(p, *later); });
    if (first == later) continue;
    const bool by_port = later->name.empty() && later->path.starts_with("inbounds");
    to.add(later->path + (by_port ? ".port" : ".listen"),
           fmt::format("is {}, where {} listens already; each listener needs a place of its own",
                       sanitized(later->shown), first->path));
  }
}

}  // namespace muxpro::proxy
