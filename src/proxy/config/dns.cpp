#include "proxy/config/readers.hpp"

#include "proxy/policy/dial_policy.hpp"

#include <fmt/format.h>

#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_addresses = 64;

bool read_addresses(const setting& value, std::vector<asio::ip::address>& to) {
  if (const auto* list = std::get_if<setting::list>(&value.is)) {
    bool all = !list->empty() && list->size() <= most_addresses;
    for (const setting& one : *list)
      all = all && std::holds_alternative<std::string>(one.is) && read_addresses(one, to);
    return all;
  }
  const auto* text = std::get_if<std::string>(&value.is);
  std::error_code bad = asio::error::invalid_argument;
  if (text) to.push_back(asio::ip::make_address(*text, bad));
  return !bad;
}

// As V2Ray has it, but for patterns, for which there are rules.
void read_host(const std::string& key, const setting& value, const std::string& path,
               config_mistakes& mistakes, config& to) {
  constexpr std::string_view whole = "full:";
  const address name(key.starts_with(whole) ? key.substr(whole.size()) : key);
  std::vector<asio::ip::address> found;
  if (!name.valid() || !name.is_domain())
    mistakes.add(path, "its key must be a name, or full:NAME");
  else if (!read_addresses(value, found))
    mistakes.add(path, fmt::format("it must be an IP address, or a list of 1 to {} of them", most_addresses));
  else
    to.hosts.insert_or_assign(normalized(name.domain()), std::move(found));
}

}  // namespace

void read_names(settings& root, config& to) {
  root.object({"dns", "How names are resolved."}, [&](settings& s) {
    s.each({"hosts",
            "IP addresses of names, a text or a list of at most 64. They are answered without a query."},
           [&](const std::string& key, const setting& value, const std::string& path) {
             read_host(key, value, path, s.mistakes(), to);
           });
    std::vector<std::string> servers;
    s.texts({"servers", "Only localhost, which is the resolver of the system."}, servers);
    for (const std::string& server : servers)
      if (server != "localhost")
        s.wrong("servers", fmt::format("has '{}'; it may only have localhost, which is the system's resolver",
                                       shown(server)));
  });
}

}  // namespace muxpro::proxy
