// accounts: the users of an inbound and their secrets. Ring 4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string_view>

namespace muxpro::proxy {

/// Stores neither names nor secrets: an account is one keyed digest of both. Therefore an unknown user and a
/// wrong secret cannot be distinguished, not even by the time that check() takes.
///
/// Copies share one list of accounts, so that it can be replaced while an inbound serves. Thread-safe.
class accounts {
 public:
  /// Draws its key. Throws std::runtime_error if libcrypto has no random numbers.
  accounts();

  /// A user may have several secrets, as while one is being replaced.
  void add(std::string_view user, std::string_view secret);
  /// Without accounts an inbound does not authenticate its clients.
  bool empty() const { return size() == 0; }
  std::size_t size() const;
  /// Replaces the accounts of all copies. Open connections stay.
  void replace_with(const accounts& others);

  /// For the same lengths it takes the same time for any user. Throws std::runtime_error if libcrypto has no
  /// SHA-256.
  bool check(std::string_view user, std::string_view secret) const;

 private:
  using digest = std::array<std::uint8_t, 32>;
  struct book {
    digest digest_of(std::string_view user, std::string_view secret) const;

    mutable std::shared_mutex access;
    digest key{};
    std::set<digest> known;
  };

  std::shared_ptr<book> book_ = std::make_shared<book>();
};

}  // namespace muxpro::proxy
