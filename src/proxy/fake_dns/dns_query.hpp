// A query of DNS for the addresses of a name, and its reply. Ring 4, a rule.
#pragma once

#include <muxpro/codec.hpp>
#include <muxpro/destination.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace muxpro::proxy {

/// Response codes (RFC 1035 section 4.1.1).
enum class dns_failure : std::uint16_t { server = 2, no_such_name = 3, refused = 5 };

/// Any other message has its reply at once, which is NOERROR without records for other types, FORMERR,
/// NOTIMP, REFUSED (not of class IN, or no host name), BADVERS (RFC 6891), or empty for what must not be
/// answered at all, which are responses, and less than a header.
class dns_query {
 public:
  explicit dns_query(const_bytes query);
  dns_query(dns_query&&) noexcept;
  ~dns_query();

  bool is_answered() const noexcept { return answered_; }
  const std::vector<std::byte>& answer() const noexcept { return answer_; }
  const_bytes bytes() const noexcept;

  // --- of a well-formed question of class IN, which may be answered
  bool is_question() const noexcept { return type_.has_value(); }
  std::uint16_t type() const noexcept { return *type_; }
  /// Returns a reply with any response code of up to 12 bits. Codes beyond 15 are only for clients with EDNS.
  std::vector<std::byte> failure(unsigned code) const;

  // --- of a query that is not answered
  /// Returns the name in lower case, without a last dot. If the query is answered, it may be empty, because
  /// it is no host name.
  const std::string& name() const noexcept { return name_; }
  address::kind family() const noexcept { return *family_; }
  /// `found` has addresses of that family. Those that do not fit into 512 bytes are left out.
  std::vector<std::byte> reply(std::span<const address> found, std::chrono::seconds ttl) const;
  std::vector<std::byte> failure(dns_failure why) const { return failure(static_cast<unsigned>(why)); }

 private:
  void read();
  void finish(std::vector<std::byte> answer) {
    answered_ = true;
    answer_ = std::move(answer);
  }

  struct impl;
  std::unique_ptr<impl> impl_;
  bool answered_ = false;
  std::vector<std::byte> answer_;
  std::string name_;
  std::optional<std::uint16_t> type_;
  std::optional<address::kind> family_;
};

}  // namespace muxpro::proxy
