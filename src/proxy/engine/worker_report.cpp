// worker: the report of a thread about its connections.
#include "proxy/engine/worker.hpp"

#include <asio/ip/address.hpp>

#include <algorithm>
#include <chrono>

namespace muxpro::proxy {

namespace {

// A client behind a server of this machine, as Xray has it.
bool is_this_machine(const asio::ip::address& a) {
  return a == asio::ip::address(asio::ip::address_v4::loopback()) ||
         a == asio::ip::address(asio::ip::address_v6::loopback());
}

}  // namespace

instance_report worker::describe(std::size_t connections) {
  instance_report r;
  const auto now = std::chrono::steady_clock::now();
  for (live_connection* const c : to_.live_connections()) {
    c->count();
    if (c->ctx.inbound.tag.empty()) continue;  // below that of another outbound
    ++r.live;
    if (r.connections.size() == connections) continue;
    r.connections.push_back(
        {c->ctx, c->up(), c->down(), std::chrono::duration<double>(now - c->begun).count()});
  }
  for (const auto& [tag, o] : to_.outbounds()) r.outbounds[tag] = {o->live(), o->main_connections()};
  for (const main_connection* m : *to_.main_connections())
    r.inbounds[m->inbound_tag()].main_connections.push_back(m->describe());
  return r;
}

instance_report worker::online() const {
  instance_report r;
  const auto now = std::chrono::steady_clock::now();
  for (const live_connection* const c : to_.live_connections()) {
    const context::inbound_part& in = c->ctx.inbound;
    if (in.user.name.empty() || is_this_machine(in.source)) continue;
    const double age = std::chrono::duration<double>(now - c->begun).count();
    const auto known = r.online[in.user.name].try_emplace(in.source, age).first;
    known->second = std::min(known->second, age);
  }
  return r;
}

}  // namespace muxpro::proxy
