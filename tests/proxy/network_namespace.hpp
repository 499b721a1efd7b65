// A network of its own for a test that changes its rules.
#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <string>

namespace network_namespace {

inline constexpr int not_allowed = 77;

inline bool enter() {
  const std::string user = std::to_string(::getuid()), group = std::to_string(::getgid());
  if (::getuid() == 0) return ::unshare(CLONE_NEWNET) == 0;
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  return ::getuid() == 0;
}

/// Runs `work` in a process of its own, whose network the shell script `rules` sets up. Returns its result.
/// Nothing, and a line that says so, where this machine does not allow that.
inline std::optional<int> run(const std::string& rules, const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    int result = not_allowed;
    try {
      const std::string script = "PATH=$PATH:/usr/sbin:/sbin\nset -e\n" + rules;
      if (enter() && std::system(script.c_str()) == 0) result = work();
    } catch (const std::exception& e) {
      std::cerr << e.what() << '\n';
      result = 1;
    }
    ::_exit(result);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return 1;
  if (!WIFEXITED(status)) return 1;
  if (WEXITSTATUS(status) != not_allowed) return WEXITSTATUS(status);
  std::cout << "skipped: no network namespaces with ip and nft here\n";
  return std::nullopt;
}

}  // namespace network_namespace
