# Finds nghttp2: the imported target nghttp2::nghttp2. Its own CMake package has it, where there is one; Debian's has none.
find_package(nghttp2 CONFIG QUIET)
if(TARGET nghttp2::nghttp2)
  set(Nghttp2_FOUND TRUE)
  return()
endif()

find_path(Nghttp2_INCLUDE_DIR nghttp2/nghttp2.h DOC "Directory of nghttp2/nghttp2.h")
find_library(Nghttp2_LIBRARY nghttp2 DOC "nghttp2's library")
mark_as_advanced(Nghttp2_INCLUDE_DIR Nghttp2_LIBRARY)

if(Nghttp2_INCLUDE_DIR AND EXISTS "${Nghttp2_INCLUDE_DIR}/nghttp2/nghttp2ver.h")
  # #define NGHTTP2_VERSION "1.52.0"
  file(STRINGS "${Nghttp2_INCLUDE_DIR}/nghttp2/nghttp2ver.h" Nghttp2_VERSION REGEX "define NGHTTP2_VERSION ")
  string(REGEX REPLACE ".*\"([0-9.]+)\".*" "\\1" Nghttp2_VERSION "${Nghttp2_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Nghttp2 REQUIRED_VARS Nghttp2_LIBRARY Nghttp2_INCLUDE_DIR VERSION_VAR Nghttp2_VERSION)

if(Nghttp2_FOUND)
  add_library(nghttp2::nghttp2 UNKNOWN IMPORTED)
  set_target_properties(nghttp2::nghttp2 PROPERTIES IMPORTED_LOCATION "${Nghttp2_LIBRARY}"
                                                    INTERFACE_INCLUDE_DIRECTORIES "${Nghttp2_INCLUDE_DIR}")
endif()
