// The command line of the bench programs: some arguments in fixed places, then key=value.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

/// Ends the program: what() is the one sentence that the user reads.
struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class arguments {
 public:
  /// `words` is the command line behind the program's name.
  explicit arguments(std::span<char* const> words) : words_(words) {}

  /// The next positional argument. `what` is its name in the error message if it is missing.
  std::string_view word(std::string_view what);
  std::uint16_t port();

  /// Arguments behind the positional ones must be key=value.
  void read_values();
  std::uint64_t number(std::string_view key, std::uint64_t otherwise, std::uint64_t least,
                       std::uint64_t most);
  double real(std::string_view key, double otherwise);
  /// Reports an unknown key.
  void check_all_used() const;

 private:
  std::span<char* const> words_;
  std::map<std::string, std::string, std::less<>> values_;
  std::set<std::string, std::less<>> known_;
};

/// Calls `body` and turns what it throws into one sentence and exit status 1.
template <class Body>
int run_program(std::string_view name, Body body);

void complain(std::string_view program, std::string_view sentence);

template <class Body>
int run_program(std::string_view name, Body body) {
  try {
    return body();
  } catch (const std::exception& e) {
    complain(name, e.what());
    return 1;
  }
}

}  // namespace bench
