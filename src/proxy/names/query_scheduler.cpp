#include "proxy/names/query_scheduler.hpp"

#include <algorithm>
#include <utility>

namespace muxpro::proxy {

bool query_scheduler::is_under_way(const std::string& name) const {
  const auto found = queries_.find(name);
  return found != queries_.end() && found->second.charged;
}

std::string query_scheduler::user_of(const std::string& name) const {
  return is_under_way(name) ? (*queries_.find(name)->second.charged)->first : std::string();
}

std::optional<query_scheduler::ticket> query_scheduler::ask(const std::string& name, const std::string& who) {
  const bool waits = !is_under_way(name);
  const user_entry u = users_.try_emplace(who).first;
  if (waits && u->second.queue.size() >= bounds_.waiting_of_user) return std::nullopt;
  const auto q = queries_.try_emplace(name).first;
  const ticket t = ++last_;
  // What may throw comes first, and leaves no look-up behind that does not count.
  std::list<ticket> asker{t}, queued{t};
  std::list<user_entry> turn{u};
  look_ups_.emplace(t, look_up{q, u, asker.begin(), queued.begin(), waits});
  q->second.askers.splice(q->second.askers.end(), asker);
  ++u->second.look_ups;
  if (!waits) return t;
  u->second.queue.splice(u->second.queue.end(), queued);
  ++waiting_;
  if (!std::exchange(u->second.has_turn, true)) turns_.splice(turns_.end(), turn);
  return t;
}

std::optional<std::string> query_scheduler::next() {
  const bool full = under_way_ >= bounds_.under_way;
  const auto turn = std::find_if(turns_.begin(), turns_.end(), [&](const user_entry& u) {
    return u->second.under_way < bounds_.of_user && (!full || u->first.empty());
  });
  if (turn == turns_.end()) return std::nullopt;
  turns_.splice(turns_.end(), turns_, turn);
  const user_entry u = *turn;
  const auto q = look_ups_.at(u->second.queue.front()).query;
  std::string name = q->first;
  charge(q->second, u);
  for (const ticket t : q->second.askers) leave_queue(look_ups_.at(t));
  return name;
}

std::optional<std::string> query_scheduler::give_up(ticket t) {
  const auto found = look_ups_.find(t);
  if (found == look_ups_.end()) return std::nullopt;
  look_up& l = found->second;
  const auto q = l.query;
  const user_entry u = l.user;
  if (l.waits) leave_queue(l);
  q->second.askers.erase(l.asker);
  look_ups_.erase(found);
  --u->second.look_ups;
  if (q->second.charged == u) return leave_query(q);
  if (q->second.askers.empty()) queries_.erase(q);
  forget(u);
  return std::nullopt;
}

// Its user has one look-up less that waits for it.
std::optional<std::string> query_scheduler::leave_query(query_entry q) {
  if (!q->second.askers.empty()) {
    charge_another(q->second);
    return std::nullopt;
  }
  std::string name = q->first;
  end(q);
  return name;
}

std::vector<query_scheduler::ticket> query_scheduler::finish(const std::string& name) {
  const auto q = queries_.find(name);
  if (q == queries_.end()) return {};
  const std::vector<ticket> askers(q->second.askers.begin(), q->second.askers.end());
  for (const ticket t : askers) {
    const auto l = look_ups_.find(t);
    if (l->second.waits) leave_queue(l->second);
    const user_entry u = l->second.user;
    look_ups_.erase(l);
    --u->second.look_ups;
    forget(u);
  }
  end(q);
  return askers;
}

void query_scheduler::leave_queue(look_up& l) {
  if (!std::exchange(l.waits, false)) return;
  user& u = l.user->second;
  u.queue.erase(l.queued);
  --waiting_;
  if (!u.queue.empty()) return;
  u.has_turn = false;
  turns_.remove(l.user);
}

void query_scheduler::forget(user_entry u) {
  if (u->second.look_ups == 0 && u->second.under_way == 0) users_.erase(u);
}

void query_scheduler::end(query_entry q) {
  if (q->second.charged) uncharge(q->second);
  queries_.erase(q);
}

void query_scheduler::uncharge(query& q) {
  const user_entry u = *std::exchange(q.charged, std::nullopt);
  --u->second.under_way;
  --under_way_;
  forget(u);
}

void query_scheduler::charge(query& q, user_entry u) {
  ++u->second.under_way;
  ++under_way_;
  q.charged = u;
}

// The user has given up. Its place is free, unless another of its look-ups waits for the query.
void query_scheduler::charge_another(query& q) {
  const user_entry u = *q.charged;
  const auto is_of_it = [&](ticket t) { return look_ups_.at(t).user == u; };
  if (std::any_of(q.askers.begin(), q.askers.end(), is_of_it)) return;
  uncharge(q);
  charge(q, look_ups_.at(q.askers.front()).user);
}

}  // namespace muxpro::proxy
