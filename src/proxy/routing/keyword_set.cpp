#include "proxy/routing/keyword_set.hpp"

#include <algorithm>
#include <numeric>

namespace muxpro::proxy {

void keyword_set::add(std::string_view keyword, value v) {
  place at = 0;
  for (const char c : keyword) {
    const auto [known, is_new] = edges_.try_emplace(edge(at, c), static_cast<place>(nodes_.size()));
    if (is_new) nodes_.push_back({at, nodes_[at].depth + 1, c, 0, 0, {}});
    at = known->second;
  }
  nodes_[at].values.push_back(v);
}

void keyword_set::finish() {
  std::vector<place> by_depth(nodes_.size());
  std::iota(by_depth.begin(), by_depth.end(), place{0});
  std::sort(by_depth.begin(), by_depth.end(),
            [this](place a, place b) { return nodes_[a].depth < nodes_[b].depth; });
  for (const place p : by_depth) link(nodes_[p], p);
}

// Those that are shorter are linked already.
void keyword_set::link(node& n, place at) {
  if (n.depth > 1) n.shorter = step(nodes_[n.parent].shorter, n.last);
  const node& end = nodes_[n.shorter];
  if (at != 0) n.keyword = end.values.empty() ? end.keyword : n.shorter;
}

keyword_set::place keyword_set::child(place from, char c) const {
  const auto found = edges_.find(edge(from, c));
  return found == edges_.end() ? 0 : found->second;
}

// The longest end of `from` and c that is a beginning.
keyword_set::place keyword_set::step(place from, char c) const {
  while (true) {
    if (const place next = child(from, c); next != 0 || from == 0) return next;
    from = nodes_[from].shorter;
  }
}

void keyword_set::find(std::string_view text, std::vector<value>& found) const {
  place at = 0;
  for (const char c : text) {
    at = step(at, c);
    for (place p = at; p != 0; p = nodes_[p].keyword)
      found.insert(found.end(), nodes_[p].values.begin(), nodes_[p].values.end());
  }
}

}  // namespace muxpro::proxy
