#include "proxy/names/name_cache.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace muxpro::proxy {

const name_answer* name_cache::find(std::string_view name, time_point now) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  if (now < found->second->until) return &found->second->answer;
  if (now >= found->second->stale_until) remove(found->second);
  return nullptr;
}

const name_answer* name_cache::find_stale(std::string_view name, time_point now) {
  const auto found = by_name_.find(name);
  return found != by_name_.end() && now < found->second->stale_until ? &found->second->answer : nullptr;
}

duration name_cache::lifetime(const name_answer& answer, duration ttl) const {
  switch (answer.what) {
    case name_answer::kind::found: return std::clamp(ttl, bounds_.shortest, bounds_.longest);
    case name_answer::kind::not_there:
    case name_answer::kind::no_data: return bounds_.not_there;
    case name_answer::kind::failed:
    case name_answer::kind::not_asked: break;
  }
  return bounds_.failed;
}

// Returns whether stale addresses stay. They are not asked for again at once.
bool name_cache::keeps_stale(const std::string& name, const name_answer& next, time_point now) {
  using kind = name_answer::kind;
  if ((next.what != kind::failed && next.what != kind::not_asked) || !find_stale(name, now)) return false;
  const auto e = by_name_.find(name)->second;
  e->until = std::min(now + bounds_.failed, e->stale_until);
  return true;
}

void name_cache::put(const std::string& name, const std::string& user, name_answer answer, duration ttl,
                     time_point now, duration stale) {
  if (keeps_stale(name, answer, now)) return;
  if (const auto old = by_name_.find(name); old != by_name_.end()) remove(old->second);
  make_room(user);
  if (answer.addresses.size() > bounds_.addresses) answer.addresses.resize(bounds_.addresses);
  const duration holds = lifetime(answer, ttl);
  const auto e =
      oldest_first_.insert(oldest_first_.end(), {name, user, std::move(answer), now + holds, {}, {}});
  if (e->answer.what == name_answer::kind::found) e->stale_until = e->until + stale;
  try {
    auto& of_user = by_user_[user];
    e->of_user = of_user.insert(of_user.end(), e);
    by_name_.emplace(e->name, e);
  } catch (...) {
    if (const auto u = by_user_.find(user); u != by_user_.end()) {
      u->second.remove(e);
      if (u->second.empty()) by_user_.erase(u);
    }
    oldest_first_.erase(e);
    throw;
  }
}

void name_cache::make_room(const std::string& user) {
  if (by_name_.size() < bounds_.entries) return;
  const auto own = by_user_.find(user);
  const bool has_its_share = own != by_user_.end() && own->second.size() >= bounds_.of_user;
  remove(has_its_share ? own->second.front() : oldest_first_.begin());
}

void name_cache::remove(entries::iterator e) {
  by_name_.erase(e->name);
  const auto of_user = by_user_.find(e->user);
  of_user->second.erase(e->of_user);
  if (of_user->second.empty()) by_user_.erase(of_user);
  oldest_first_.erase(e);
}

}  // namespace muxpro::proxy
