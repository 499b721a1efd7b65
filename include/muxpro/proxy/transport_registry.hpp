// Transports by the names that configuration files have for them. Ring 4.
#pragma once

#include <muxpro/options.hpp>
#include <muxpro/proxy/settings.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muxpro::proxy {

class transport;

/// A transport that a configuration asks for.
struct transport_plan {
  /// Makes it, files and all. Throws std::exception with one sentence.
  using maker = std::function<std::shared_ptr<const transport>()>;

  transport_plan() = default;
  transport_plan(maker m, bool a = false) : make(std::move(m)), authenticates(a) {}

  maker make;
  /// A server's: nobody gets in who has not proved who he is.
  bool authenticates = false;
};

/// A transport of your own in one file:
///
///   class obfuscated : public transport { ... };
///   const bool known = transport_registry::global().add("obfs", [](settings& s, role side, std::string) {
///     std::string password;
///     s.text("password", password);
///     return transport_plan([=] { return std::make_shared<const obfuscated>(side, password); });
///   });
class transport_registry {
 public:
  /// Reads the object "NAMESettings" of a configuration and opens nothing; mistakes go to `s`. `server` is
  /// the host that a client connects to, or empty.
  using reader = std::function<transport_plan(settings& s, role side, std::string server)>;

  /// The process's own: tcp, unix, tls, and what is added before the first thread.
  static transport_registry& global();

  /// False: the name is taken.
  bool add(std::string name, reader r) { return known_.emplace(std::move(name), std::move(r)).second; }
  /// Null: there is none.
  const reader* find(std::string_view name) const {
    const auto found = known_.find(name);
    return found == known_.end() ? nullptr : &found->second;
  }
  std::vector<std::string_view> names() const {
    std::vector<std::string_view> out;
    for (const auto& [name, r] : known_) out.push_back(name);
    return out;
  }

 private:
  std::map<std::string, reader, std::less<>> known_;
};

}  // namespace muxpro::proxy
