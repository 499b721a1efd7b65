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

/// Whether this machine has what scripts are made of, and lets us use it.
inline bool has_tools() {
  return std::system("PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && nft list tables") == 0;
}

/// In a process of its own.
inline int set_up_and_work(const std::string& rules, const std::function<int()>& work) {
  if (!enter() || !has_tools()) return not_allowed;
  const std::string script = "PATH=$PATH:/usr/sbin:/sbin\nset -e\n" + rules;
  if (std::system(script.c_str()) != 0) {
    std::cerr << "the script that sets the network up has failed\n";
    return 1;
  }
  return work();
}

/// Runs `work` in a process of its own, whose network the shell script `rules` sets up. Returns its result,
/// and 1 if the script fails. Prints a line and returns no value if this machine does not allow
/// it.
inline std::optional<int> run(const std::string& rules, const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 1;
    try {
      result = set_up_and_work(rules, work);
    } catch (const std::exception& e) {
      std::cerr << e.what() << '\n';
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
