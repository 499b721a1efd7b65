# Finds standalone Asio: the imported target Asio::asio, Asio_FOUND, Asio_VERSION, and Asio_INCLUDE_DIR as
# the cache entry to set when it lies somewhere else.
find_path(Asio_INCLUDE_DIR asio.hpp DOC "Directory of standalone Asio's asio.hpp")
mark_as_advanced(Asio_INCLUDE_DIR)

if(Asio_INCLUDE_DIR AND EXISTS "${Asio_INCLUDE_DIR}/asio/version.hpp")
  # #define ASIO_VERSION 102201 // 1.22.1
  file(STRINGS "${Asio_INCLUDE_DIR}/asio/version.hpp" Asio_VERSION REGEX "define ASIO_VERSION [0-9]+")
  string(REGEX REPLACE ".*ASIO_VERSION ([0-9]+).*" "\\1" Asio_VERSION "${Asio_VERSION}")
  math(EXPR Asio_VERSION_MAJOR "${Asio_VERSION} / 100000")
  math(EXPR Asio_VERSION_MINOR "${Asio_VERSION} / 100 % 1000")
  math(EXPR Asio_VERSION_PATCH "${Asio_VERSION} % 100")
  set(Asio_VERSION ${Asio_VERSION_MAJOR}.${Asio_VERSION_MINOR}.${Asio_VERSION_PATCH})
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Asio REQUIRED_VARS Asio_INCLUDE_DIR VERSION_VAR Asio_VERSION)

if(Asio_FOUND AND NOT TARGET Asio::asio)
  add_library(Asio::asio INTERFACE IMPORTED)
  set_target_properties(Asio::asio PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${Asio_INCLUDE_DIR}")
  target_compile_definitions(Asio::asio INTERFACE ASIO_STANDALONE)
  # Left to itself Asio looks for aligned_alloc() by a macro that is there only if some standard header came before
  # its first one: files of one program would allocate by one function and free by the other's counterpart.
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_compile_definitions(Asio::asio INTERFACE ASIO_HAS_STD_ALIGNED_ALLOC=1)
  endif()
  # Before 1.26 Asio does not see that clang with libstdc++ has coroutines, and leaves awaitable out.
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND Asio_VERSION VERSION_LESS 1.26)
    target_compile_definitions(Asio::asio INTERFACE ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)
  endif()
endif()
