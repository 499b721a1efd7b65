#include <muxpro/option_range.hpp>

#include "proxy/base/port_set.hpp"
#include "proxy/policy/nat_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

namespace muxpro::proxy {

std::string nat_limits::validate() const {
  if (!refused_ports.empty() && !port_set::parse(refused_ports))
    return fmt::format("refused_ports is {}, {}", refused_ports, port_set::allowed);
  const std::string counts = out_of_range<std::uint64_t>({
      {"nat.per_session", per_session, 1, 65535},
      {"nat.per_user", per_user, 1, 1 << 20},
      {"nat.user_datagrams.burst", user_datagrams.burst, 0, 1 << 30},
  });
  if (!counts.empty()) return counts;
  constexpr double day = 86400;
  return out_of_range<double>({
      {"nat.idle (s)", seconds_of(idle), 0.001, day},
      {"nat.resume (s)", seconds_of(resume), 0.001, day},
      {"nat.user_datagrams.per_second", user_datagrams.burst > 0 ? user_datagrams.per_second : 1, 0.001, 1e8},
  });
}

// Allocates memory first, so that a failure changes no state.
void nat_table::resume(mapping id, entry& e, session_key session) {
  order place{id};
  order& of_session = sessions_[session];
  const auto in_session = place.begin();
  of_session.splice(of_session.end(), place);
  if (!e.parked) leave_session(e);
  in_use_.splice(in_use_.end(), e.parked ? parked_ : in_use_, e.in_all);
  e.parked = false;
  e.session = session;
  e.in_session = in_session;
}

// Allocates memory first, so that a failure changes no state.
nat_table::admitted nat_table::admit(const std::string& user, session_key session,
                                     const std::optional<global_id>& source, time_point now) {
  admitted result;
  result.evicted.reserve(2);  // for the limit of its session, and for that of its user
  if (source) {
    if (const auto found = by_source_.find({user, *source}); found != by_source_.end()) {
      entry& e = entries_.at(found->second);
      result.id = found->second;
      result.resumed = true;
      result.was_parked = e.parked;
      resume(found->second, e, session);
      refresh(e, now);
    }
  }
  if (!result.resumed) {
    entry e;
    e.user = user;
    e.source = source;
    e.used_at = now;
    e.session = session;
    result.id = next_++;
    insert(result.id, std::move(e));
  }
  const auto evict = [&](order& o, std::size_t limit) {
    while (o.size() > limit) {
      result.evicted.push_back(o.front());  // not the admitted one, which is at the end
      erase(o.front());
    }
  };
  evict(sessions_.at(session), std::max<std::size_t>(limits_.per_session, 1));
  evict(users_.at(user), std::max<std::size_t>(limits_.per_user, 1));
  return result;
}

void nat_table::touch(mapping id, time_point now) {
  if (const auto found = entries_.find(id); found != entries_.end() && !found->second.parked)
    refresh(found->second, now);
}

bool nat_table::release(mapping id, time_point now) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return false;
  entry& e = found->second;
  if (!e.source) return erase(id), false;
  if (e.parked) return true;
  leave_session(e);
  e.parked = true;
  e.used_at = now;
  parked_.splice(parked_.end(), in_use_, e.in_all);
  return true;
}

void nat_table::remove(mapping id) {
  if (entries_.contains(id)) erase(id);
}

// Mappings that there is no memory to report stay until the next call.
std::vector<nat_table::mapping> nat_table::expire(time_point now) {
  std::vector<mapping> gone;
  try {
    for (const order* o : {&in_use_, &parked_}) {
      while (!o->empty() && deadline(entries_.at(o->front())) <= now) {
        gone.push_back(o->front());
        erase(gone.back());
      }
    }
  } catch (const std::bad_alloc&) {
  }
  return gone;
}

time_point nat_table::next_expiry() const {
  time_point next = time_point::max();
  for (const order* o : {&in_use_, &parked_})
    if (!o->empty()) next = std::min(next, deadline(entries_.at(o->front())));
  return next;
}

std::size_t nat_table::of_user(const std::string& user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? 0 : found->second.size();
}

std::size_t nat_table::of_session(session_key session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? 0 : found->second.size();
}

time_point nat_table::deadline(const entry& e) const {
  return e.used_at + (e.parked ? limits_.resume : limits_.idle);
}

void nat_table::insert(mapping id, entry given) {
  const auto place = entries_.emplace(id, std::move(given)).first;
  entry& e = place->second;
  try {
    order in_all{id}, in_user{id}, in_session{id};
    if (e.source) by_source_.emplace(key(e.user, *e.source), id);
    order& of_user = users_[e.user];
    order& of_session = sessions_[e.session];
    e.in_all = in_all.begin();
    e.in_user = in_user.begin();
    e.in_session = in_session.begin();
    in_use_.splice(in_use_.end(), in_all);
    of_user.splice(of_user.end(), in_user);
    of_session.splice(of_session.end(), in_session);
  } catch (...) {
    if (const auto u = users_.find(e.user); u != users_.end() && u->second.empty()) users_.erase(u);
    if (e.source) by_source_.erase(key(std::move(e.user), *e.source));
    entries_.erase(place);
    throw;
  }
}

// Takes no memory, not even for a key.
void nat_table::erase(mapping id) {
  const auto found = entries_.find(id);
  entry& e = found->second;
  if (!e.parked) leave_session(e);
  (e.parked ? parked_ : in_use_).erase(e.in_all);
  const auto of_user = users_.find(e.user);
  of_user->second.erase(e.in_user);
  if (of_user->second.empty()) users_.erase(of_user);
  if (e.source) by_source_.erase(key(std::move(e.user), *e.source));
  entries_.erase(found);
}

void nat_table::leave_session(entry& e) {
  const auto of_session = sessions_.find(e.session);
  of_session->second.erase(e.in_session);
  if (of_session->second.empty()) sessions_.erase(of_session);
}

// To the end of each order. A time that goes back counts as standing still.
void nat_table::refresh(entry& e, time_point now) {
  e.used_at = std::max(e.used_at, now);
  in_use_.splice(in_use_.end(), in_use_, e.in_all);
  order& of_user = users_.at(e.user);
  of_user.splice(of_user.end(), of_user, e.in_user);
  order& of_session = sessions_.at(e.session);
  of_session.splice(of_session.end(), of_session, e.in_session);
}

}  // namespace muxpro::proxy
