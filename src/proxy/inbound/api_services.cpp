#include "proxy/inbound/api_services.hpp"

#include "proxy/api/request.hpp"
#include "proxy/api/routing_messages.hpp"
#include "proxy/base/proto_writer.hpp"
#include "proxy/net/wall_clock.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>

namespace muxpro::proxy {

namespace {

// --- StatsService

std::string get_stats(const api_call& c) { return c.counters.get(c.report, c.request); }
std::string query_stats(const api_call& c) { return c.counters.query(c.report, c.request); }
std::string get_online(const api_call& c) { return online_answer(c.report, c.online, c.request); }
std::string get_online_users(const api_call& c) { return online_users_answer(c.online); }

std::string get_online_addresses(const api_call& c) {
  const std::int64_t now = wall_clock().time_since_epoch().count();
  return online_addresses_answer(c.report, c.online, c.request, now);
}

/// Returns the bytes of memory that the process has, or 0 if the system does not report it.
std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// The fields are those of Go's runtime. Connections stand for its goroutines, resident memory for its memory.
std::string get_system(const api_call& c) {
  const std::uint64_t memory = resident_bytes();
  const auto up = std::chrono::steady_clock::now() - c.proxy_began;
  proto_writer out;
  out.number(1, c.report.live).number(3, memory).number(5, memory);
  out.number(10, static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(up).count()));
  return out.take();
}

// --- HandlerService

std::string tags_answer(const std::vector<std::string>& tags) {
  proto_writer out;
  for (const std::string& tag : tags) {
    proto_writer handler;
    out.message(1, handler.text(1, tag).content());
  }
  return out.take();
}

std::string add_inbound(const api_call& c) {
  c.proxy.add_inbound(inbound_of(bytes_in(c.request, 1)));
  return {};
}
std::string remove_inbound(const api_call& c) {
  c.proxy.remove_inbound(text_in(c.request, 1));
  return {};
}
std::string alter_inbound(const api_call& c) {
  const std::string tag = text_in(c.request, 1);
  user_operation operation = user_operation_of(bytes_in(c.request, 2));
  if (operation.adds)
    c.proxy.add_user(tag, std::move(operation));
  else
    c.proxy.remove_user(tag, operation.email);
  return {};
}
std::string list_inbounds(const api_call& c) { return tags_answer(c.proxy.inbounds()); }
std::string get_users(const api_call& c) {
  proto_writer out;
  for (const std::string& user : c.proxy.users(text_in(c.request, 1), text_in(c.request, 2)))
    out.message(1, user);
  return out.take();
}
std::string count_users(const api_call& c) {
  proto_writer out;
  return out.number(1, c.proxy.count_users(text_in(c.request, 1))).take();
}
std::string add_outbound(const api_call& c) {
  c.proxy.add_outbound(outbound_of(bytes_in(c.request, 1)));
  return {};
}
std::string remove_outbound(const api_call& c) {
  c.proxy.remove_outbound(text_in(c.request, 1));
  return {};
}
// As in Xray, where no operation changes an outbound.
std::string alter_outbound(const api_call&) {
  throw api_refusal(api_code::unknown, "not an outbound operation");
}
std::string list_outbounds(const api_call& c) { return tags_answer(c.proxy.outbounds()); }

// --- RoutingService

std::string test_route(const api_call& c) {
  const const_bytes context = bytes_in(c.request, 1);
  return route_answer(context, c.proxy.route(route_request_in(context)));
}
std::string get_balancer(const api_call& c) {
  return balancer_answer(c.proxy.balancer(text_in(c.request, 1)));
}
std::string override_balancer(const api_call& c) {
  c.proxy.override_balancer(text_in(c.request, 1), text_in(c.request, 2));
  return {};
}
std::string add_rule(const api_call& c) {
  c.proxy.add_rules(routing_of(bytes_in(c.request, 1)), number_in(c.request, 2) != 0);
  return {};
}
std::string remove_rule(const api_call& c) {
  c.proxy.remove_rule(text_in(c.request, 1));
  return {};
}
// As in Xray, which has no channel of such statistics.
std::string subscribe_routing(const api_call&) {
  throw api_refusal(api_code::unknown, "Routing statistics not enabled.");
}
std::string list_rules(const api_call& c) { return rules_answer(c.proxy.rules()); }

// --- LoggerService

std::string restart_logger(const api_call& c) {
  c.proxy.reopen_logs();
  return {};
}

constexpr std::string_view stats_service = "StatsService", handler_service = "HandlerService",
                           routing_service = "RoutingService", logger_service = "LoggerService";

constexpr api_method api_methods[] = {
    {stats_service, "GetStats", get_stats, true},
    {stats_service, "QueryStats", query_stats, true},
    {stats_service, "GetSysStats", get_system, true},
    {stats_service, "GetStatsOnline", get_online, true, true},
    {stats_service, "GetStatsOnlineIpList", get_online_addresses, true, true},
    {stats_service, "GetAllOnlineUsers", get_online_users, false, true},
    {handler_service, "AddInbound", add_inbound},
    {handler_service, "RemoveInbound", remove_inbound},
    {handler_service, "AlterInbound", alter_inbound},
    {handler_service, "ListInbounds", list_inbounds},
    {handler_service, "GetInboundUsers", get_users},
    {handler_service, "GetInboundUsersCount", count_users},
    {handler_service, "AddOutbound", add_outbound},
    {handler_service, "RemoveOutbound", remove_outbound},
    {handler_service, "AlterOutbound", alter_outbound},
    {handler_service, "ListOutbounds", list_outbounds},
    {routing_service, "TestRoute", test_route},
    {routing_service, "GetBalancerInfo", get_balancer},
    {routing_service, "OverrideBalancerTarget", override_balancer},
    {routing_service, "AddRule", add_rule},
    {routing_service, "RemoveRule", remove_rule},
    {routing_service, "ListRule", list_rules},
    {routing_service, "SubscribeRoutingStats", subscribe_routing},
    {logger_service, "RestartLogger", restart_logger}};

}  // namespace

const api_method* find_api_method(const call_path& path) {
  const auto is_it = [&](const api_method& m) { return m.service == path.service && m.name == path.method; };
  const auto found = std::find_if(std::begin(api_methods), std::end(api_methods), is_it);
  return found == std::end(api_methods) ? nullptr : found;
}

}  // namespace muxpro::proxy
