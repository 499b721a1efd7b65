#include "proxy/policy/accounts.hpp"

#include "proxy/base/text.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace muxpro::proxy {

namespace {

const std::array<std::uint8_t, 32>& accounts_key() {
  static const std::array<std::uint8_t, 32> key = [] {
    std::array<std::uint8_t, 32> drawn{};
    if (RAND_bytes(drawn.data(), static_cast<int>(drawn.size())) != 1)
      throw std::runtime_error("libcrypto has no random numbers");
    return drawn;
  }();
  return key;
}

}  // namespace

accounts::accounts() : table_(std::make_shared<account_table>()) { table_->key = accounts_key(); }

void accounts::add_as(std::string_view name, std::string_view secret, user_account&& user) {
  const std::unique_lock lock(table_->access);
  const digest key = table_->digest_of(name, secret);
  table_->known.insert_or_assign(key, std::move(user));
}

void accounts::add(user_account user, std::string_view secret) {
  const std::string name = user.name;
  add_as(name, secret, std::move(user));
}

void accounts::add_key(user_account user, std::string_view key) { add_as({}, key, std::move(user)); }

// Readers have the list that was there.
void accounts::add_tried(user_account user, std::string key) {
  const std::unique_lock lock(table_->access);
  auto& list = table_->tried;
  if (list.use_count() > 1) list = std::make_shared<tried_users>(*list);
  list->push_back({std::move(user), std::move(key)});
}

std::shared_ptr<const accounts::tried_users> accounts::tried() const {
  const std::shared_lock lock(table_->access);
  return table_->tried;
}

void accounts::add(std::string name, std::string_view secret) {
  user_account user;
  user.name = std::move(name);
  add(std::move(user), secret);
}

std::size_t accounts::size() const {
  const std::shared_lock lock(table_->access);
  return table_->known.size() + table_->tried->size();
}

// Makes a copy first, because both locks at once could wait for each other.
void accounts::replace_with(const accounts& others) {
  std::shared_lock theirs(others.table_->access);
  const digest key = others.table_->key;
  std::map<digest, user_account> known = others.table_->known;
  const auto tried = others.table_->tried;
  theirs.unlock();
  const std::unique_lock ours(table_->access);
  table_->key = key;
  table_->known = std::move(known);
  table_->tried = tried;
}

// Readers of the tried users have the list that was there.
bool accounts::add_all(const accounts& others) {
  std::shared_lock theirs(others.table_->access);
  const std::map<digest, user_account> known = others.table_->known;
  const auto tried = others.table_->tried;
  theirs.unlock();
  const std::unique_lock ours(table_->access);
  auto list = std::make_shared<tried_users>(*table_->tried);
  for (const auto& [key, user] : known)
    if (table_->known.contains(key)) return false;
  for (const tried_user& one : *tried) {
    const auto same = [&](const tried_user& t) { return t.key == one.key; };
    if (std::any_of(list->begin(), list->end(), same)) return false;
    list->push_back(one);
  }
  table_->known.insert(known.begin(), known.end());
  table_->tried = std::move(list);
  return true;
}

std::size_t accounts::remove(std::string_view name) {
  const std::string wanted = lower_case(name);
  const std::unique_lock lock(table_->access);
  const auto is_it = [&](const user_account& u) { return lower_case(u.name) == wanted; };
  const std::size_t known = std::erase_if(table_->known, [&](const auto& one) { return is_it(one.second); });
  auto list = std::make_shared<tried_users>(*table_->tried);
  const std::size_t tried = std::erase_if(*list, [&](const tried_user& t) { return is_it(t.user); });
  table_->tried = std::move(list);
  return known + tried;
}

bool accounts::has_user(std::string_view name) const {
  const std::string wanted = lower_case(name);
  const std::shared_lock lock(table_->access);
  const auto is_it = [&](const user_account& u) { return lower_case(u.name) == wanted; };
  const auto& known = table_->known;
  const auto& tried = *table_->tried;
  return std::any_of(known.begin(), known.end(), [&](const auto& one) { return is_it(one.second); }) ||
         std::any_of(tried.begin(), tried.end(), [&](const tried_user& t) { return is_it(t.user); });
}

// The search compares keyed digests. Without the key they cannot be predicted, so the time of the search
// reveals nothing about them.
std::optional<user_account> accounts::check(std::string_view name, std::string_view secret) const {
  const std::shared_lock lock(table_->access);
  const auto found = table_->known.find(table_->digest_of(name, secret));
  if (found == table_->known.end()) return std::nullopt;
  return found->second;
}

// HMAC(key, SHA-256(name) | SHA-256(secret)). The inner digests keep "ab", "c" apart from "a", "bc".
accounts::digest accounts::account_table::digest_of(std::string_view name, std::string_view secret) const {
  std::array<std::uint8_t, 64> both{};
  digest out{};
  const bool done =
      EVP_Digest(name.data(), name.size(), both.data(), nullptr, EVP_sha256(), nullptr) == 1 &&
      EVP_Digest(secret.data(), secret.size(), both.data() + 32, nullptr, EVP_sha256(), nullptr) == 1 &&
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), both.data(), both.size(), out.data(),
           nullptr) != nullptr;
  if (!done) throw std::runtime_error("libcrypto has no SHA-256");
  return out;
}

}  // namespace muxpro::proxy
