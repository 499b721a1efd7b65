// Changes of a running proxy by the API, which are those of inbounds, outbounds and users.
#include "proxy/engine/configured_proxy_impl.hpp"

#include "proxy/base/text.hpp"
#include "proxy/policy/accounts.hpp"
#include "proxy/shadowsocks/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

namespace {

constexpr std::size_t most_tags = 4096, longest_name = 255;

setting::object& members_of(setting& s) {
  if (!std::holds_alternative<setting::object>(s.is)) s.is = setting::object();
  return std::get<setting::object>(s.is);
}

bool has_accounts(const std::string& protocol) {
  return protocol == "socks" || protocol == "mixed" || protocol == "http";
}

/// Under which an inbound has its users.
const char* users_key(const std::string& protocol) { return has_accounts(protocol) ? "accounts" : "clients"; }

/// All users of a Shadowsocks inbound have one method, which stands beside them or in the first of them.
void name_method(setting::object& own, const setting* users) {
  if (own.contains("method")) return;
  const auto* list = users ? std::get_if<setting::list>(&users->is) : nullptr;
  const std::string of_first = list && !list->empty() ? text_at(list->front(), "method") : std::string();
  own["method"] = setting(of_first.empty() ? std::string(method_of_later_users) : of_first);
}

/// The same inbound with one user. Others may be many, and are not copied.
setting with_only(const setting& inbound, const std::string& protocol, const setting* users, setting user) {
  setting::object out, own;
  for (const auto& [key, value] : std::get<setting::object>(inbound.is))
    if (key != "settings") out.emplace(key, value);
  if (const setting* const from = member_of(inbound, "settings"))
    if (const auto* members = std::get_if<setting::object>(&from->is))
      for (const auto& [key, value] : *members)
        if (key != "accounts" && key != "clients" && key != "users") own.emplace(key, value);
  if (protocol == "shadowsocks") name_method(own, users);
  own.emplace(users_key(protocol), setting(setting::list{std::move(user)}));
  out.emplace("settings", setting(std::move(own)));
  return setting(std::move(out));
}

/// Returns the user as the inbound's protocol has it, without what the account has for the client's side.
setting user_for(const std::string& protocol, setting user) {
  setting::object& u = members_of(user);
  if (text_at(user, "encryption") == "none") u.erase("encryption");
  if (!has_accounts(protocol)) return user;
  u.erase("email");
  u.erase("level");
  return user;
}

api_refusal unknown_handler(const std::string& tag) {
  return {api_code::not_found, fmt::format("handler not found: {}", sanitized(tag))};
}

api_refusal taken_tag(const std::string& tag) {
  return {api_code::already_exists, fmt::format("existing tag found: {}", sanitized(tag))};
}

asio::io_context& io_of(const dispatcher& to) {
  return static_cast<asio::io_context&>(asio::query(to.get_executor(), asio::execution::context));
}

}  // namespace

void configured_proxy::impl::remember(const config& c) {
  if (!serving) routing_now = c.routing;
  if (!began.api) routing_now.rules.clear();
  const setting* const all = c.written ? member_of(*c.written, "inbounds") : nullptr;
  const auto* list = all ? std::get_if<setting::list>(&all->is) : nullptr;
  if (!list || list->size() != c.inbounds.size()) return;
  if (const setting* const p = member_of(*c.written, "policy")) policy = *p;
  for (std::size_t i = 0; i < list->size(); ++i) written[c.inbounds[i].tag] = (*list)[i];
}

config configured_proxy::impl::read_alone(const char* list, setting one) {
  const setting socks(setting::object{{"protocol", setting(std::string("socks"))},
                                      {"listen", setting(std::string("127.0.0.1"))},
                                      {"port", setting(0.0)}});
  const setting blackhole(setting::object{{"protocol", setting(std::string("blackhole"))}});
  setting::object root;
  root.emplace("inbounds", setting(setting::list{socks}));
  root.emplace("outbounds", setting(setting::list{blackhole}));
  if (!std::holds_alternative<std::nullptr_t>(policy.is)) root.emplace("policy", policy);
  root.insert_or_assign(list, setting(setting::list{std::move(one)}));
  config_mistakes mistakes;
  geo_files geo = lists.unread();
  config out = read_config(setting(std::move(root)), registry::global(), geo, mistakes);
  for (const auto* all : {&mistakes.all(), &std::as_const(out.unset)})
    if (!all->empty())
      throw api_refusal(api_code::invalid_argument,
                        fmt::format("{}: {}", all->front().path, all->front().sentence));
  return out;
}

// --- inbounds

inbound_config& configured_proxy::impl::inbound_named(const std::string& tag) {
  const auto found = std::find_if(began.inbounds.begin(), began.inbounds.end(),
                                  [&](const inbound_config& i) { return i.tag == tag; });
  if (found == began.inbounds.end())
    throw api_refusal(api_code::not_found,
                      fmt::format("failed to get handler: {0} > handler not found: {0}", sanitized(tag)));
  return *found;
}

void configured_proxy::impl::stop_listening(const inbound_config& i) {
  running->stop_listening(i.tag);
  if (!is_unix(i.at)) shared.remove_listener(to_tcp(i.at));
  for (const auto& p : i.more)
    if (!is_unix(p.at)) shared.remove_listener(to_tcp(p.at));
}

void configured_proxy::impl::add_inbound(setting inbound) {
  const std::lock_guard lock(changing);
  inbound_config made = std::move(read_alone("inbounds", inbound).inbounds.front());
  const auto same = [&](const inbound_config& i) { return i.tag == made.tag; };
  if (std::any_of(began.inbounds.begin(), began.inbounds.end(), same)) throw taken_tag(made.tag);
  if (began.inbounds.size() >= most_tags)
    throw api_refusal(api_code::resource_exhausted, "there are too many inbounds");
  geo_files geo = lists.unread();
  try {
    listen(made, geo);
  } catch (...) {
    stop_listening(made);
    throw;
  }
  written[made.tag] = std::move(inbound);
  began.inbounds.push_back(std::move(made));
}

void configured_proxy::impl::remove_inbound(const std::string& tag) {
  const std::lock_guard lock(changing);
  const auto found = std::find_if(began.inbounds.begin(), began.inbounds.end(),
                                  [&](const inbound_config& i) { return i.tag == tag; });
  if (found == began.inbounds.end()) throw unknown_handler(tag);
  stop_listening(*found);
  written.erase(tag);
  began.inbounds.erase(found);
}

std::vector<std::string> configured_proxy::impl::inbounds() {
  const std::lock_guard lock(changing);
  std::vector<std::string> out;
  for (const inbound_config& i : began.inbounds) out.push_back(i.tag);
  return out;
}

// --- outbounds

void configured_proxy::impl::add_outbound(setting outbound) {
  const std::lock_guard lock(changing);
  const outbound_config made = read_alone("outbounds", std::move(outbound)).outbounds.front();
  auto& tags = routing_now.outbound_tags;
  const bool is_known = std::find(tags.begin(), tags.end(), made.tag) != tags.end();
  std::unique_lock tags_lock(tags_access);
  if (is_known && !absent.contains(made.tag)) throw taken_tag(made.tag);
  if (!is_known && tags.size() >= most_tags)
    throw api_refusal(api_code::resource_exhausted, "there are too many tags of outbounds");
  shared.forget(made.tag);
  const outbound_factory make = shared.make_outbound(made);
  absent.erase(made.tag);
  const bool default_is_absent = !tags.empty() && absent.contains(tags.front());
  tags_lock.unlock();
  if (!is_known) tags.insert(default_is_absent ? tags.begin() : tags.end(), made.tag);
  running->change([tag = made.tag, make](dispatcher& to) { to.add(tag, make(io_of(to))); });
  if (!is_known) reroute();
}

// Rules that lead to it still do, and what they lead there is refused.
void configured_proxy::impl::remove_outbound(const std::string& tag) {
  const std::lock_guard lock(changing);
  const auto& tags = routing_now.outbound_tags;
  std::unique_lock tags_lock(tags_access);
  if (std::find(tags.begin(), tags.end(), tag) == tags.end() || !absent.insert(tag).second)
    throw unknown_handler(tag);
  tags_lock.unlock();
  running->change([tag](dispatcher& to) { to.remove(tag); });
  shared.forget(tag);
}

std::vector<std::string> configured_proxy::impl::outbounds() {
  const std::lock_guard lock(changing);
  const std::shared_lock tags_lock(tags_access);
  std::vector<std::string> out;
  for (const std::string& tag : routing_now.outbound_tags)
    if (!absent.contains(tag)) out.push_back(tag);
  return out;
}

// --- users

setting* configured_proxy::impl::written_users(const std::string& tag) {
  const auto found = written.find(tag);
  if (found == written.end()) return nullptr;
  setting::object& own = members_of(members_of(found->second)["settings"]);
  for (const char* key : {"accounts", "clients", "users"})
    if (const auto users = own.find(key); users != own.end())
      if (std::holds_alternative<setting::list>(users->second.is)) return &users->second;
  return nullptr;
}

void configured_proxy::impl::add_user(const std::string& tag, user_operation user) {
  const std::lock_guard lock(changing);
  const inbound_config& in = inbound_named(tag);
  const auto known = written.find(tag);
  const bool has_one_key =
      known != written.end() && !written_users(tag) && text_at(known->second, "protocol") == "shadowsocks";
  if (!in.plan.users || known == written.end() || has_one_key)
    throw api_refusal(api_code::failed_precondition, "proxy is not a UserManager");
  if (in.plan.users->has_user(user.email))
    throw api_refusal(api_code::already_exists,
                      fmt::format("User {} already exists.", sanitized(user.email, longest_name)));
  setting own = user_for(in.protocol, std::move(user.user));
  if (has_accounts(in.protocol) && text_at(own, "user") != user.email)
    throw api_refusal(api_code::invalid_argument, "the email must be the name in the account");
  const config alone = read_alone("inbounds", with_only(known->second, in.protocol, written_users(tag), own));
  const auto& users = alone.inbounds.front().plan.users;
  if (!users || users->empty())
    throw api_refusal(api_code::failed_precondition, "the inbound asks no client for an account");
  if (!in.plan.users->add_all(*users))
    throw api_refusal(api_code::already_exists, "the id or the password is that of another user");
  setting* list = written_users(tag);
  if (!list) {
    setting::object& all = members_of(members_of(known->second)["settings"]);
    list = &(all[users_key(in.protocol)] = setting(setting::list()));
  }
  std::get<setting::list>(list->is).push_back(std::move(own));
}

void configured_proxy::impl::remove_user(const std::string& tag, const std::string& email) {
  const std::lock_guard lock(changing);
  const inbound_config& in = inbound_named(tag);
  if (!in.plan.users || email.empty())
    throw api_refusal(api_code::failed_precondition, "proxy is not a UserManager");
  if (!in.plan.users->has_user(email))
    throw api_refusal(api_code::not_found, fmt::format("User {} not found.", sanitized(email, longest_name)));
  if (has_accounts(in.protocol) && in.plan.users->size() == 1)
    throw api_refusal(api_code::failed_precondition,
                      "without this user the inbound would ask no client for a password");
  in.plan.users->remove(email);
  if (setting* const list = written_users(tag))
    std::erase_if(std::get<setting::list>(list->is), [&](const setting& u) {
      return lower_case(text_at(u, has_accounts(in.protocol) ? "user" : "email")) == lower_case(email);
    });
}

std::vector<std::string> configured_proxy::impl::users(const std::string& tag, const std::string& email) {
  const std::lock_guard lock(changing);
  const inbound_config& in = inbound_named(tag);
  if (!in.plan.users) throw api_refusal(api_code::failed_precondition, "proxy is not a UserManager");
  std::vector<std::string> out;
  const setting* const list = written_users(tag);
  if (!list) return out;
  const setting* const own = member_of(written.at(tag), "settings");
  const std::string method = own ? text_at(*own, "method") : std::string();
  for (const setting& u : std::get<setting::list>(list->is)) {
    const std::string name = text_at(u, has_accounts(in.protocol) ? "user" : "email");
    const auto* members = std::get_if<setting::object>(&u.is);
    if (members && (email.empty() || lower_case(name) == lower_case(email)))
      out.push_back(user_message(*members, in.protocol, method));
  }
  return out;
}

std::size_t configured_proxy::impl::count_users(const std::string& tag) {
  const std::lock_guard lock(changing);
  const inbound_config& in = inbound_named(tag);
  if (!in.plan.users) throw api_refusal(api_code::failed_precondition, "proxy is not a UserManager");
  return in.plan.users->size();
}

void configured_proxy::impl::reopen_logs() {
  if (!log_opener) throw api_refusal(api_code::unimplemented, "there is no log that can be opened again");
  log_opener();
}

}  // namespace muxpro::proxy
