# Finds c-ares: the imported target c-ares::cares. Its own CMake package has it, where there is one; Debian's has none.
find_package(c-ares CONFIG QUIET)
if(TARGET c-ares::cares)
  set(Cares_FOUND TRUE)
  return()
endif()

find_path(Cares_INCLUDE_DIR ares.h DOC "Directory of c-ares' ares.h")
find_library(Cares_LIBRARY cares DOC "c-ares' library")
mark_as_advanced(Cares_INCLUDE_DIR Cares_LIBRARY)

if(Cares_INCLUDE_DIR AND EXISTS "${Cares_INCLUDE_DIR}/ares_version.h")
  # #define ARES_VERSION_STR "1.18.1"
  file(STRINGS "${Cares_INCLUDE_DIR}/ares_version.h" Cares_VERSION REGEX "define ARES_VERSION_STR ")
  string(REGEX REPLACE ".*\"([0-9.]+)\".*" "\\1" Cares_VERSION "${Cares_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Cares REQUIRED_VARS Cares_LIBRARY Cares_INCLUDE_DIR VERSION_VAR Cares_VERSION)

if(Cares_FOUND)
  add_library(c-ares::cares UNKNOWN IMPORTED)
  set_target_properties(c-ares::cares PROPERTIES IMPORTED_LOCATION "${Cares_LIBRARY}"
                                                 INTERFACE_INCLUDE_DIRECTORIES "${Cares_INCLUDE_DIR}")
endif()
