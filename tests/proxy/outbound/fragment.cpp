#include "catch.hpp"

#include "proxy/outbound/fragment.hpp"

#include <cstddef>
#include <vector>

namespace fragments {

using namespace muxpro::proxy;

std::vector<std::byte> bytes_of(std::initializer_list<int> all) {
  std::vector<std::byte> out;
  for (const int b : all) out.push_back(static_cast<std::byte>(b));
  return out;
}

std::vector<std::byte> joined(const std::vector<std::vector<std::byte>>& pieces) {
  std::vector<std::byte> out;
  for (const auto& p : pieces) out.insert(out.end(), p.begin(), p.end());
  return out;
}

TEST_CASE("fragment: a ClientHello becomes several records", "[proxy][freedom]") {
  fragment_options o;
  const auto hello = bytes_of({22, 3, 1, 0, 5, 1, 2, 3, 4, 5, 99});
  const auto pieces = pieces_of(hello, o, [] { return std::size_t{2}; });
  CHECK(pieces == std::vector{bytes_of({22, 3, 1, 0, 2, 1, 2}), bytes_of({22, 3, 1, 0, 2, 3, 4}),
                              bytes_of({22, 3, 1, 0, 1, 5}), bytes_of({99})});
  o.most_pieces = 2;
  CHECK(pieces_of(hello, o, [] { return std::size_t{2}; }) ==
        std::vector{bytes_of({22, 3, 1, 0, 2, 1, 2}), bytes_of({22, 3, 1, 0, 3, 3, 4, 5}), bytes_of({99})});
}

TEST_CASE("fragment: other bytes stay whole, or are cut as they are", "[proxy][freedom]") {
  fragment_options o;
  const auto get = bytes_of({'G', 'E', 'T', ' ', '/'});
  CHECK(pieces_of(get, o, [] { return std::size_t{2}; }) == std::vector<std::vector<std::byte>>{get});
  CHECK(pieces_of(bytes_of({22, 3, 1, 0, 9, 1}), o, [] { return std::size_t{2}; }).size() == 1);
  CHECK(pieces_of(bytes_of({22, 3}), o, [] { return std::size_t{2}; }).size() == 1);
  o.only_client_hello = false;
  const auto pieces = pieces_of(get, o, [] { return std::size_t{2}; });
  CHECK(pieces.size() == 3);
  CHECK(joined(pieces) == get);
  CHECK(pieces_of({}, o, [] { return std::size_t{2}; }).empty());
}

}  // namespace fragments
