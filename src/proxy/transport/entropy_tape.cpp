#include "proxy/transport/entropy_tape.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace muxpro::proxy {

namespace {

thread_local entropy_tape* tape_in_use = nullptr;

bool draw_random(unsigned char* to, std::size_t size) noexcept {
  return RAND_priv_bytes_ex(nullptr, to, size, 256) == 1;
}

}  // namespace

entropy_tape::~entropy_tape() {
  for (draw& d : draws_) OPENSSL_cleanse(d.data(), d.size());
}

entropy_tape::use::use(entropy_tape& tape, mode m) noexcept {
  tape.mode_ = m;
  tape_in_use = &tape;
}
entropy_tape::use::~use() { tape_in_use = nullptr; }

bool entropy_tape::fill(unsigned char* to, std::size_t size) noexcept try {
  const bool replays = mode_ == use::mode::replay && next_ < draws_.size();
  if (replays && draws_[next_].size() == size) {
    std::copy_n(draws_[next_].data(), size, to);
    ++next_;
    return true;
  }
  if (!draw_random(to, size)) return false;
  if (mode_ == use::mode::record) draws_.emplace_back(to, to + size);
  return true;
} catch (...) {
  return false;
}

// --- the provider (provider-rand(7)), which has no state but the tape

namespace {

constexpr const char* generator_name = "MUXPRO-TAPE";
constexpr std::size_t most_drawn = 65'536;
int the_generator = 0;

void* new_generator(void*, void*, const OSSL_DISPATCH*) { return &the_generator; }
void free_generator(void*) {}
int instantiate(void*, unsigned, int, const unsigned char*, std::size_t, const OSSL_PARAM*) { return 1; }
int uninstantiate(void*) { return 1; }
int generate(void*, unsigned char* to, std::size_t size, unsigned, int, const unsigned char*, std::size_t) {
  return (tape_in_use ? tape_in_use->fill(to, size) : draw_random(to, size)) ? 1 : 0;
}
int enable_locking(void*) { return 1; }
int lock(void*) { return 1; }
void unlock(void*) {}

int get_parameters(void*, OSSL_PARAM wanted[]) {
  OSSL_PARAM* p = OSSL_PARAM_locate(wanted, OSSL_RAND_PARAM_STATE);
  if (p && !OSSL_PARAM_set_int(p, EVP_RAND_STATE_READY)) return 0;
  p = OSSL_PARAM_locate(wanted, OSSL_RAND_PARAM_STRENGTH);
  if (p && !OSSL_PARAM_set_uint(p, 256)) return 0;
  p = OSSL_PARAM_locate(wanted, OSSL_RAND_PARAM_MAX_REQUEST);
  if (p && !OSSL_PARAM_set_size_t(p, most_drawn)) return 0;
  return 1;
}

template <class Function>
OSSL_DISPATCH entry(int id, Function* f) noexcept {
  return {id, reinterpret_cast<void (*)()>(f)};
}

const OSSL_ALGORITHM* algorithms(void*, int operation, int* no_cache) {
  static const OSSL_DISPATCH functions[] = {entry(OSSL_FUNC_RAND_NEWCTX, new_generator),
                                            entry(OSSL_FUNC_RAND_FREECTX, free_generator),
                                            entry(OSSL_FUNC_RAND_INSTANTIATE, instantiate),
                                            entry(OSSL_FUNC_RAND_UNINSTANTIATE, uninstantiate),
                                            entry(OSSL_FUNC_RAND_GENERATE, generate),
                                            entry(OSSL_FUNC_RAND_ENABLE_LOCKING, enable_locking),
                                            entry(OSSL_FUNC_RAND_LOCK, lock),
                                            entry(OSSL_FUNC_RAND_UNLOCK, unlock),
                                            entry(OSSL_FUNC_RAND_GET_CTX_PARAMS, get_parameters),
                                            {0, nullptr}};
  static const OSSL_ALGORITHM all[] = {
      {generator_name, "provider=muxpro", functions, "OpenSSL's generator, with a tape"},
      {nullptr, nullptr, nullptr, nullptr}};
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? all : nullptr;
}

int begin_provider(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) {
  static const OSSL_DISPATCH functions[] = {entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, algorithms),
                                            {0, nullptr}};
  *out = functions;
  *context = &the_generator;
  return 1;
}

// Lives as long as the process.
OSSL_LIB_CTX* make_tape_library() {
  OSSL_LIB_CTX* const library = OSSL_LIB_CTX_new();
  const bool made = library && OSSL_PROVIDER_add_builtin(library, "muxpro", begin_provider) == 1 &&
                    OSSL_PROVIDER_load(library, "default") && OSSL_PROVIDER_load(library, "muxpro") &&
                    RAND_set_DRBG_type(library, generator_name, nullptr, nullptr, nullptr) == 1;
  if (!made) throw std::runtime_error("OpenSSL takes no generator of random numbers but its own");
  return library;
}

}  // namespace

OSSL_LIB_CTX* tape_library() {
  static OSSL_LIB_CTX* const one = make_tape_library();
  return one;
}

}  // namespace muxpro::proxy
