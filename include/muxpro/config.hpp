// Build switches, in one place. Ring 0, without Asio.
#pragma once

// The version of the library, the program and the package. CMakeLists.txt reads it here.
#define MUXPRO_VERSION_MAJOR 0
#define MUXPRO_VERSION_MINOR 1
#define MUXPRO_VERSION_PATCH 0

// muxpro::muxpro defines MUXPRO_SEPARATE_COMPILATION and links the bodies once;
// muxpro::header_only compiles the same .ipp files inline.
#if defined(MUXPRO_SEPARATE_COMPILATION)
#define MUXPRO_DECL
#else
#define MUXPRO_DECL inline
#endif

#if !defined(__cpp_impl_coroutine) && !defined(_MSC_VER)
#error "muxpro needs C++20 coroutines: compile with -std=c++20 (g++ 12, clang 16 or newer)"
#endif
