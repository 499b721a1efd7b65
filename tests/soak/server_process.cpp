#include "server_process.hpp"

#include "soak.hpp"

#include <fmt/format.h>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace soak {

namespace {

// "... on 127.0.0.1:PORT"
std::uint16_t port_of_line(std::FILE* lines) {
  std::array<char, 200> line{};
  if (!std::fgets(line.data(), static_cast<int>(line.size()), lines))
    throw std::runtime_error("the server did not start");
  const std::string text(line.data());
  return static_cast<std::uint16_t>(std::atoi(text.substr(text.rfind(':') + 1).c_str()));
}

std::string ask_for_metrics(std::uint16_t port) {
  asio::io_context io;
  tcp::socket s(io);
  s.connect({asio::ip::address_v4::loopback(), port});
  const std::string_view request = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  asio::write(s, asio::buffer(request));
  std::string answer;
  error_code at_the_end;
  asio::read(s, asio::dynamic_buffer(answer), at_the_end);
  return answer;
}

}  // namespace

server_process::server_process(const std::string& program, const std::string& log) {
  int out[2];
  const int log_file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (log_file < 0 || ::pipe(out) != 0) throw std::runtime_error("no log or no pipe");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(out[1], 1);
    ::dup2(log_file, 2);
    ::close(out[0]);
    ::close(out[1]);
    ::execl(program.c_str(), program.c_str(), "server", "--listen", "127.0.0.1:0", "--status", "127.0.0.1:0",
            "--allow-private", "--max-unnegotiated-per-source", "1000", static_cast<char*>(nullptr));
    std::_Exit(127);
  }
  ::close(out[1]);
  ::close(log_file);
  std::FILE* const lines = ::fdopen(out[0], "r");
  port_ = port_of_line(lines);
  status_port_ = port_of_line(lines);
  std::fclose(lines);
}

server_process::~server_process() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

double server_process::megabytes() const {
  std::ifstream status(fmt::format("/proc/{}/status", pid_));
  for (std::string word; status >> word;)
    if (word == "VmRSS:") {
      double kilobytes = 0;
      status >> kilobytes;
      return kilobytes / 1024;
    }
  throw std::runtime_error("the server has died");
}

std::size_t server_process::descriptors() const {
  const std::filesystem::directory_iterator list(fmt::format("/proc/{}/fd", pid_));
  return static_cast<std::size_t>(std::distance(begin(list), end(list)));
}

std::size_t server_process::timers() const {
  constexpr std::string_view name = "\nmuxpro_timers ";
  // A server whose threads are too busy to answer within a second reports that instead.
  for (int tries_left = 30; tries_left > 0; --tries_left) {
    const std::string said = ask_for_metrics(status_port_);
    const auto at = said.find(name);
    if (at != std::string::npos) return std::stoul(said.substr(at + name.size()));
  }
  throw std::runtime_error("/metrics names no timers");
}

int server_process::stop() {
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace soak
