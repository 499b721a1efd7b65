# Finds RE2: the imported target re2::re2. Its own CMake package has it, where there is one; Debian's has none.
find_package(re2 CONFIG QUIET)
if(TARGET re2::re2)
  set(Re2_FOUND TRUE)
  return()
endif()

find_path(Re2_INCLUDE_DIR re2/re2.h DOC "Directory of RE2's re2/re2.h")
find_library(Re2_LIBRARY re2 DOC "RE2's library")
mark_as_advanced(Re2_INCLUDE_DIR Re2_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Re2 REQUIRED_VARS Re2_LIBRARY Re2_INCLUDE_DIR)

if(Re2_FOUND)
  add_library(re2::re2 UNKNOWN IMPORTED)
  set_target_properties(re2::re2 PROPERTIES IMPORTED_LOCATION "${Re2_LIBRARY}"
                                            INTERFACE_INCLUDE_DIRECTORIES "${Re2_INCLUDE_DIR}")
endif()
