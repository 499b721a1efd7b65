// What the example programs share: how they fail, their flags, the names of endpoints.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace examples {

/// Ends the program: what() is the one sentence that the user reads.
class failure : public std::runtime_error {
 public:
  explicit failure(const std::string& sentence, int status = 1)
      : std::runtime_error(sentence), status_(status) {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

/// The command line is wrong.
class usage_error : public failure {
 public:
  explicit usage_error(const std::string& sentence) : failure(sentence, 2) {}
};

/// Writes one line to standard error. Errors of that are ignored, since the line may have no reader.
inline void complain(const char* program, const std::string& sentence) {
  std::fputs(fmt::format("{}: {}\n", program, sentence).c_str(), stderr);
}

/// Calls `body` and turns what it throws into one sentence and an exit status.
template <class Body>
int run_program(const char* name, Body body) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader of our output that goes away is an error like others
  try {
    return body();
  } catch (const failure& f) {
    complain(name, f.what());
    return f.status();
  } catch (const std::exception& e) {
    complain(name, e.what());
    return 1;
  }
}

/// A count of bytes or of things: digits, and if `scaled` also K, M or G (powers of 1024) behind them.
inline std::optional<std::uint64_t> parse_number(std::string_view text, bool scaled = false) {
  std::uint64_t n = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  if (text.empty()) return n;
  const std::size_t power = std::string_view("KMG").find(text.front());
  if (!scaled || text.size() > 1 || power == std::string_view::npos) return std::nullopt;
  const std::size_t shift = 10 * (power + 1);
  if (n > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return n << shift;
}

/// Where to listen or to connect: HOST:PORT, [IPV6]:PORT or unix:PATH.
struct endpoint {
  std::string text;  ///< as the user wrote it
  std::string host;
  std::uint16_t port = 0;
  std::string path;  ///< not empty: a unix socket, and no host

  bool is_unix() const noexcept { return !path.empty(); }
};

/// Throws usage_error, which names `flag`.
inline endpoint parse_endpoint(std::string_view flag, std::string_view text, std::uint16_t least_port) {
  constexpr std::string_view unix_prefix = "unix:";
  endpoint e;
  e.text = text;
  if (text.substr(0, unix_prefix.size()) == unix_prefix) {
    e.path = text.substr(unix_prefix.size());
    if (e.path.empty()) throw usage_error(fmt::format("{}: no path follows unix:", flag));
    return e;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    throw usage_error(fmt::format("{} is '{}', it must be HOST:PORT, [IPV6]:PORT or unix:PATH", flag, text));
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find_first_of(":[]") != std::string_view::npos)
    throw usage_error(fmt::format("{} is '{}', an IPv6 address is written [ADDRESS]:PORT", flag, text));
  e.host = host;
  const std::string_view port = text.substr(colon + 1);
  const auto number = parse_number(port);
  if (!number || *number < least_port || *number > 65535)
    throw usage_error(fmt::format("the port of {} is '{}', it must be {} to 65535", flag, port, least_port));
  e.port = static_cast<std::uint16_t>(*number);
  return e;
}

/// The words of a command line, one flag at a time: "--name value" or "--name=value".
class flags {
 public:
  flags(int argc, char** argv) : next_(argv + 1), end_(argv + argc) {}

  /// Steps to the next flag; false at the end.
  bool next() {
    if (inline_value_) throw usage_error(fmt::format("{} takes no value", name_));
    if (next_ >= end_) return false;
    name_ = *next_++;
    const std::size_t equals = name_.find('=');
    if (name_.substr(0, 2) == "--" && equals != std::string_view::npos) {
      inline_value_ = name_.substr(equals + 1);
      name_ = name_.substr(0, equals);
    }
    return true;
  }

  bool is(std::string_view name) const noexcept { return name_ == name; }
  std::string_view name() const noexcept { return name_; }

  std::string_view value() {
    if (inline_value_) {
      const std::string_view v = *inline_value_;
      inline_value_.reset();
      return v;
    }
    if (next_ >= end_) throw usage_error(fmt::format("{} needs a value", name_));
    return *next_++;
  }

  template <class T = std::uint64_t>
  T number(std::uint64_t least, std::uint64_t most, bool scaled = false) {
    const std::string_view text = value();
    const auto n = parse_number(text, scaled);
    if (!n || *n < least || *n > most) {
      throw usage_error(fmt::format("{} is '{}', it must be {}{} to {}", name_, text,
                                    scaled ? "a number of bytes (K, M, G allowed), " : "", least, most));
    }
    return static_cast<T>(*n);
  }

  [[noreturn]] void unknown() const {
    const char* what = name_.substr(0, 1) == "-" ? "flag" : "argument";
    throw usage_error(fmt::format("unknown {} '{}'; see --help", what, name_));
  }

 private:
  char** next_;
  char** end_;
  std::string_view name_;
  std::optional<std::string_view> inline_value_;
};

[[noreturn]] inline void print_help(const char* text) {
  std::fputs(text, stdout);
  std::exit(0);
}

}  // namespace examples
