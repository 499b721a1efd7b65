#include <muxpro/proxy/config.hpp>

#include <cstdlib>

namespace muxpro::proxy {

const environment& process_environment() {
  static const environment of_process = [](const char* name) -> const char* { return std::getenv(name); };
  return of_process;
}

}  // namespace muxpro::proxy
