#include "bytes.hpp"
#include "catch.hpp"

#include <muxpro/detail/stream_table.hpp>

#include <map>
#include <memory>
#include <set>

using namespace muxpro;
using detail::stream_table;
using wire_test::random_engine;

namespace {

struct entry {
  stream_id id;
};

std::vector<stream_id> listed(stream_table<entry>& table) {
  std::vector<stream_id> ids;
  table.for_each([&](entry& e) { ids.push_back(e.id); });
  return ids;
}

}  // namespace

TEST_CASE("stream_table agrees with a map over random steps", "[rules][stream_table]") {
  for (const unsigned ids : {4u, 300u, 65536u}) {
    CAPTURE(ids);
    random_engine rng(ids);
    stream_table<entry> table;
    std::map<stream_id, std::unique_ptr<entry>> model;
    for (int step = 0; step < 100'000; ++step) {
      const auto id = static_cast<stream_id>(rng() % ids);
      const auto known = model.find(id);
      if (table.find(id) != (known == model.end() ? nullptr : known->second.get())) FAIL("step " << step);
      if (known == model.end()) {
        const auto [it, fresh] = model.emplace(id, std::make_unique<entry>(entry{id}));
        table.insert(id, *it->second);
      } else {
        table.erase(id);
        model.erase(known);
      }
      if (table.size() != model.size()) FAIL("step " << step);
    }
    std::vector<stream_id> expected;
    for (const auto& [id, e] : model) expected.push_back(id);
    CHECK(listed(table) == expected);
  }
}

TEST_CASE("stream_table holds every id at once", "[rules][stream_table]") {
  std::vector<entry> entries(65536);
  stream_table<entry> table;
  for (std::size_t id = 0; id < entries.size(); ++id) {
    entries[id].id = static_cast<stream_id>(id);
    table.insert(entries[id].id, entries[id]);
  }
  CHECK(table.size() == 65536);
  CHECK(listed(table).size() == 65536);
  bool found = true;
  for (entry& e : entries) found &= table.find(e.id) == &e;
  CHECK(found);
  for (entry& e : entries) table.erase(e.id);
  CHECK(table.size() == 0);
  CHECK(listed(table).empty());
  CHECK(table.find(0) == nullptr);
  CHECK(table.find(65535) == nullptr);
}

TEST_CASE("stream_table lets a visit erase what it visits", "[rules][stream_table]") {
  for (const int erased_of : {1, 2, 3}) {
    CAPTURE(erased_of);
    std::vector<entry> entries;
    for (const int id : {1, 2, 255, 256, 257, 511, 40000, 65535})
      entries.push_back({static_cast<stream_id>(id)});
    stream_table<entry> table;
    for (entry& e : entries) table.insert(e.id, e);
    std::vector<stream_id> seen, left;
    int n = 0;
    table.for_each([&](entry& e) {
      seen.push_back(e.id);
      if (n++ % erased_of == 0)
        table.erase(e.id);
      else
        left.push_back(e.id);
    });
    CHECK(seen == std::vector<stream_id>{1, 2, 255, 256, 257, 511, 40000, 65535});
    CHECK(listed(table) == left);
  }
}

TEST_CASE("stream_table frees its memory only while it is empty", "[rules][stream_table]") {
  stream_table<entry> table;
  table.free_memory();
  entry a{static_cast<stream_id>(7)}, b{static_cast<stream_id>(40000)};
  table.insert(a.id, a);
  table.free_memory();
  CHECK(table.find(7) == &a);
  table.erase(7);
  table.free_memory();
  CHECK(table.find(7) == nullptr);
  table.insert(b.id, b);
  CHECK(table.find(40000) == &b);
  CHECK(listed(table) == std::vector<stream_id>{40000});
}
