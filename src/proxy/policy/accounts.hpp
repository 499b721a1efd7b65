// Who may use an inbound: users and their secrets. Ring 4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <shared_mutex>
#include <string_view>

namespace muxpro::proxy {

/// Keeps neither names nor secrets: an account is one keyed digest of both. So a user who is not known is
/// told from a secret that is wrong by nothing, not even by the time that check() takes.
///
/// Copies are the same accounts: what one is told all know, so that who may use an inbound can change while
/// it serves. Thread-safe.
class accounts {
 public:
  /// Draws its key. Throws std::runtime_error if libcrypto has no random numbers.
  accounts();

  /// A user may have several secrets, as while one is being replaced.
  void add(std::string_view user, std::string_view secret);
  /// Nobody was added: an inbound asks nobody for his name then.
  bool empty() const { return size() == 0; }
  std::size_t size() const;
  /// From now on these are the accounts, in all copies. Nobody who was let in is sent away.
  void replace_with(const accounts& others);

  /// Takes as long for the same lengths whoever asks. Throws std::runtime_error if libcrypto has no SHA-256.
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
