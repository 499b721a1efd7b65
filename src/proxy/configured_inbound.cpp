#include "configured_inbound.hpp"

#include <memory>
#include <stdexcept>
#include <utility>
#include <variant>

namespace muxpro::proxy {

namespace {

using main_connections = std::shared_ptr<const mux_inbound>;

// One function for each protocol.
std::shared_ptr<const inbound> made(const std::monostate&, const main_connections&) {
  throw std::logic_error("an inbound without a protocol");
}
std::shared_ptr<const inbound> made(socks_inbound_options o, const main_connections& inside) {
  o.main_connections = inside;
  return std::make_shared<socks_inbound>(std::move(o));
}
std::shared_ptr<const inbound> made(http_inbound_options o, const main_connections& inside) {
  o.main_connections = inside;
  return std::make_shared<http_inbound>(std::move(o));
}
std::shared_ptr<const inbound> made(mixed_config m, const main_connections& inside) {
  m.both.main_connections = inside;
  return std::make_shared<mixed_inbound>(std::move(m.both));
}
std::shared_ptr<const inbound> made(const dokodemo_inbound_options& o, const main_connections&) {
  return std::make_shared<dokodemo_inbound>(o);
}
std::shared_ptr<const inbound> made(const dns_inbound_options& o, const main_connections&) {
  return std::make_shared<dns_inbound>(o);
}
std::shared_ptr<const inbound> made(const mux_inbound_options& o, const main_connections&) {
  return std::make_shared<mux_inbound>(o);
}

}  // namespace

std::shared_ptr<const inbound> make_inbound(const inbound_config& c) {
  const main_connections inside = c.inside ? std::make_shared<const mux_inbound>(*c.inside) : nullptr;
  return std::visit([&inside](const auto& options) { return made(options, inside); }, c.settings);
}

accounts* accounts_of(inbound_settings& s) {
  if (auto* socks = std::get_if<socks_inbound_options>(&s)) return &socks->users;
  if (auto* http = std::get_if<http_inbound_options>(&s)) return &http->users;
  if (auto* mixed = std::get_if<mixed_config>(&s)) return &mixed->both.users;
  return nullptr;
}

}  // namespace muxpro::proxy
