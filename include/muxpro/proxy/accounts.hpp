// Who may use an inbound: users and their secrets. Ring 4, a value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

namespace muxpro::proxy {

/// Keeps neither names nor secrets: an account is one keyed digest of both. So a user who is not known is
/// told from a secret that is wrong by nothing, not even by the time that check() takes.
class accounts {
 public:
  /// Draws its key. Throws std::runtime_error if libcrypto has no random numbers.
  accounts();

  /// A user may have several secrets, as while one is being replaced.
  void add(std::string_view user, std::string_view secret);
  /// Nobody was added: an inbound asks nobody for his name then.
  bool empty() const noexcept { return known_.empty(); }
  std::size_t size() const noexcept { return known_.size(); }

  /// Takes as long for the same lengths whoever asks. Throws std::runtime_error if libcrypto has no SHA-256.
  bool check(std::string_view user, std::string_view secret) const;

 private:
  using digest = std::array<std::uint8_t, 32>;
  digest digest_of(std::string_view user, std::string_view secret) const;

  digest key_;
  std::set<digest> known_;
};

}  // namespace muxpro::proxy
