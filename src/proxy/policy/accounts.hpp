// accounts, the users of an inbound and their secrets. Ring 4.
#pragma once

#include <muxpro/proxy/context.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace muxpro::proxy {

/// Accounts by one keyed digest of name and secret. Neither the answer nor the time of check() distinguishes
/// an unknown name from a wrong secret. Only the secrets of tried users are kept.
///
/// Copies share their accounts, which can change while an inbound serves. Thread-safe.
class accounts {
 public:
  /// All accounts of a process have one key, so that those of one object can be added to another one. Throws
  /// std::runtime_error if libcrypto has no random numbers.
  accounts();

  /// A user may have several secrets, as while one is being replaced.
  void add(user_account user, std::string_view secret);
  void add(std::string name, std::string_view secret);
  /// Adds a user that sends no name and is identified by the key.
  void add_key(user_account user, std::string_view key);
  /// A user whose clients prove that they have the key, and do not send it. The server tries the keys of all
  /// such users.
  struct tried_user {
    user_account user;
    std::string key;
  };
  using tried_users = std::vector<tried_user>;
  void add_tried(user_account user, std::string key);
  std::shared_ptr<const tried_users> tried() const;
  /// An inbound without accounts asks no client for a name.
  bool empty() const { return size() == 0; }
  std::size_t size() const;
  /// From now on these are the accounts, in all copies. Connections that were authenticated stay.
  void replace_with(const accounts& others);
  /// Adds the accounts of `others`. Returns false and adds no account if one has a secret that is taken.
  bool add_all(const accounts& others);
  /// Names are compared in any case. Connections that were authenticated stay. Returns how many accounts the
  /// user had.
  std::size_t remove(std::string_view name);
  bool has_user(std::string_view name) const;

  /// Returns nothing if there is no such account. Throws std::runtime_error if libcrypto has no SHA-256.
  std::optional<user_account> check(std::string_view name, std::string_view secret) const;
  /// The same of a key of add_key().
  std::optional<user_account> check_key(std::string_view key) const { return check({}, key); }

 private:
  using digest = std::array<std::uint8_t, 32>;
  void add_as(std::string_view name, std::string_view secret, user_account&& user);
  struct account_table {
    digest digest_of(std::string_view name, std::string_view secret) const;

    mutable std::shared_mutex access;
    digest key{};
    std::map<digest, user_account> known;
    std::shared_ptr<tried_users> tried = std::make_shared<tried_users>();
  };

  std::shared_ptr<account_table> table_;
};

}  // namespace muxpro::proxy
