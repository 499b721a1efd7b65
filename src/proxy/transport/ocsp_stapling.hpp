// A server shows what the authority answers about its certificates (RFC 6066 section 8), so that its clients
// need not ask for that themselves. Ring 4.
#pragma once

#include "proxy/transport/ocsp.hpp"

#include <muxpro/options.hpp>

#include <openssl/types.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <mutex>
#include <vector>

namespace muxpro::proxy {

/// Without a valid answer a handshake shows none. Any thread.
class ocsp_stapling : public std::enable_shared_from_this<ocsp_stapling> {
 public:
  /// Before attach(). Throws as ocsp_question.
  void add(X509* about, X509* issuer, duration every);
  /// Handshakes of the context show the answers from now on. *this must outlive them.
  void attach(SSL_CTX* server);
  /// Asks for the answers that are due, on `executor`. One that has failed is due again within 5 minutes, and
  /// one that expires soon in half of its time.
  void refresh(const asio::any_io_executor& executor);

 private:
  struct entry {
    std::shared_ptr<X509> about;
    ocsp_question question;
    duration every;
    time_point due{};
    bool asking = false;
    std::vector<std::byte> answer{};
    std::time_t until = 0;
  };
  std::vector<entry*> take_due();
  static asio::awaitable<void> ask(std::shared_ptr<ocsp_stapling> self, entry& of);
  void take(entry& of, std::vector<std::byte> answer);
  static int show(SSL* tls, void* self);

  std::mutex mutex_;
  std::vector<entry> all_;
};

}  // namespace muxpro::proxy
