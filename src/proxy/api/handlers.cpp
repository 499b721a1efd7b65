#include "proxy/api/handlers.hpp"

#include "proxy/api/forms.hpp"
#include "proxy/api/request.hpp"
#include "proxy/base/proto_writer.hpp"

#include <fmt/format.h>

#include <utility>

namespace muxpro::proxy {

namespace {

setting* member_in(setting* of, std::string_view key) {
  auto* o = of ? std::get_if<setting::object>(&of->is) : nullptr;
  const auto found = o ? o->find(key) : setting::object::iterator();
  return o && found != o->end() ? &found->second : nullptr;
}

// A configuration has the number at the end of the path.
void put_early_data_into_path(setting* carrier) {
  const setting* const size = member_in(carrier, "ed");
  if (!size) return;
  auto& o = std::get<setting::object>(carrier->is);
  const auto bytes = static_cast<std::int64_t>(std::get<double>(size->is));
  const std::string path = fmt::format("{}?ed={}", text_at(*carrier, "path"), bytes);
  o.insert_or_assign("path", setting(path));
  o.erase("ed");
}

// Xray's client writes its defaults, which switch it off.
void drop_idle_eyeballs(setting* sockopt) {
  setting* const eyeballs = member_in(sockopt, "happyEyeballs");
  if (eyeballs && !member_in(eyeballs, "tryDelayMs"))
    std::get<setting::object>(sockopt->is).erase("happyEyeballs");
}

setting handler_of(const message_form& form, const_bytes message) {
  setting out(object_of(form, message));
  setting* const stream = member_in(&out, "streamSettings");
  for (const char* carrier : {"wsSettings", "httpupgradeSettings"})
    put_early_data_into_path(member_in(stream, carrier));
  drop_idle_eyeballs(member_in(stream, "sockopt"));
  if (text_at(out, "protocol").empty())
    throw api_refusal(api_code::invalid_argument, fmt::format("{} has no proxy_settings", form.name));
  return out;
}

// The message has both beside the other keys.
void put_together_strategy(setting::object& balancer) {
  setting::object strategy;
  for (const char* key : {"type", "settings"})
    if (auto own = balancer.extract(key)) strategy.insert(std::move(own));
  if (!strategy.empty()) balancer.emplace("strategy", setting(std::move(strategy)));
}

struct typed_bytes {
  explicit typed_bytes(const_bytes message) : type(text_in(message, 1)), value(bytes_in(message, 2)) {}
  std::string type;
  const_bytes value;
};

}  // namespace

const setting* member_of(const setting& of, std::string_view key) {
  const auto* o = std::get_if<setting::object>(&of.is);
  const auto found = o ? o->find(key) : setting::object::const_iterator();
  return o && found != o->end() ? &found->second : nullptr;
}

std::string text_at(const setting& of, std::string_view key) {
  const setting* const value = member_of(of, key);
  const auto* text = value ? std::get_if<std::string>(&value->is) : nullptr;
  return text ? *text : std::string();
}

setting inbound_of(const_bytes handler) { return handler_of(inbound_form, handler); }
setting outbound_of(const_bytes handler) { return handler_of(outbound_form, handler); }

setting routing_of(const_bytes typed) {
  const typed_bytes config(typed);
  if (config.type != routing_form.name)
    throw api_refusal(api_code::invalid_argument,
                      fmt::format("{} is not a configuration of routing", sanitized(config.type)));
  setting out(object_of(routing_form, config.value));
  setting* const balancers = member_in(&out, "balancers");
  auto* const list = balancers ? std::get_if<setting::list>(&balancers->is) : nullptr;
  if (list)
    for (setting& one : *list) put_together_strategy(std::get<setting::object>(one.is));
  return out;
}

user_operation user_operation_of(const_bytes typed) {
  const typed_bytes operation(typed);
  user_operation out;
  if (operation.type == "xray.app.proxyman.command.RemoveUserOperation") {
    out.email = text_in(operation.value, 1);
    return out;
  }
  if (operation.type != "xray.app.proxyman.command.AddUserOperation")
    throw api_refusal(api_code::unimplemented,
                      fmt::format("{} is not an operation that muxpro supports", sanitized(operation.type)));
  out.adds = true;
  out.user = setting(object_of(user_form, bytes_in(operation.value, 1)));
  out.email = text_at(out.user, "email");
  if (out.email.empty()) throw api_refusal(api_code::invalid_argument, "the user has no email");
  return out;
}

std::string user_message(const setting::object& user, std::string_view protocol, std::string_view method) {
  proto_writer out;
  const setting whole(user);
  if (const setting* const level = member_of(whole, "level"))
    if (const auto* n = std::get_if<double>(&level->is)) out.number(1, static_cast<std::uint64_t>(*n));
  const std::string email = text_at(whole, "email");
  out.text(2, email.empty() ? text_at(whole, "user") : email);
  const message_form* const account = account_of(protocol, method.starts_with("2022-"));
  if (!account) return out.take();
  setting::object with_method = user;
  if (!method.empty()) with_method.emplace("method", setting(std::string(method)));
  proto_writer typed;
  typed.text(1, account->name).text(2, message_of(*account, with_method));
  return out.message(3, typed.content()).take();
}

}  // namespace muxpro::proxy
