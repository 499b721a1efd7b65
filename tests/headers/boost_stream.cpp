// Does not compile: the errors of a session, a pool and a relay about streams of another library's namespace.
#include <muxpro.hpp>

#include <utility>

namespace boost::asio {

struct any_io_executor {};
template <class Executor>
struct stream {
  Executor get_executor();
};
template <class T>
struct awaitable {
  using value_type = T;
};

}  // namespace boost::asio

using tcp_stream = boost::asio::stream<boost::asio::any_io_executor>;

#if defined(WITH_SESSION)
void use(tcp_stream s) { muxpro::session(std::move(s), muxpro::role::client); }
#elif defined(WITH_RELAY)
void use(tcp_stream a, muxpro::pipe_end b) { muxpro::async_relay(a, b); }
#elif defined(WITH_POOL)
boost::asio::awaitable<tcp_stream> dial();
void use(asio::any_io_executor ex) {
  muxpro::client_pool(ex, [] { return dial(); });
}
#endif
