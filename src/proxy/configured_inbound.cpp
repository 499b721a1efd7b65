#include "configured_inbound.hpp"

#include <stdexcept>
#include <variant>

namespace muxpro::proxy {

namespace {

// One function for each protocol.
std::shared_ptr<const inbound> made(const std::monostate&) {
  throw std::logic_error("an inbound without a protocol");
}
std::shared_ptr<const inbound> made(const socks_inbound_options& o) {
  return std::make_shared<socks_inbound>(o);
}
std::shared_ptr<const inbound> made(const http_inbound_options& o) {
  return std::make_shared<http_inbound>(o);
}
std::shared_ptr<const inbound> made(const mixed_config& m) { return std::make_shared<mixed_inbound>(m.both); }
std::shared_ptr<const inbound> made(const dokodemo_inbound_options& o) {
  return std::make_shared<dokodemo_inbound>(o);
}
std::shared_ptr<const inbound> made(const dns_inbound_options& o) { return std::make_shared<dns_inbound>(o); }
std::shared_ptr<const inbound> made(const mux_inbound_options& o) { return std::make_shared<mux_inbound>(o); }

}  // namespace

std::shared_ptr<const inbound> make_inbound(const inbound_settings& s) {
  return std::visit([](const auto& options) { return made(options); }, s);
}

accounts* accounts_of(inbound_settings& s) {
  if (auto* socks = std::get_if<socks_inbound_options>(&s)) return &socks->users;
  if (auto* http = std::get_if<http_inbound_options>(&s)) return &http->users;
  if (auto* mixed = std::get_if<mixed_config>(&s)) return &mixed->both.users;
  return nullptr;
}

}  // namespace muxpro::proxy
