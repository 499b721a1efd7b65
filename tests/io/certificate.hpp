// TLS contexts of a client and a server that trust one certificate, made when the test runs.
#pragma once

#include <asio/ssl/context.hpp>

namespace io_test {

/// The certificate is the server's own, for the name "localhost"; the client trusts it and no other.
struct test_tls {
  test_tls();
  asio::ssl::context client{asio::ssl::context::tls_client};
  asio::ssl::context server{asio::ssl::context::tls_server};
};

}  // namespace io_test
