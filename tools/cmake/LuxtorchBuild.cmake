# How everything is compiled, and what it is built on: LibTorch and the libraries beside it.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
  set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(LUXTORCH_CCACHE ccache)
  if(LUXTORCH_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${LUXTORCH_CCACHE}")
  endif()
endif()

# What all of our own targets are compiled with, and nobody else's.
add_library(luxtorch_flags INTERFACE)
# GCC 12 sees overlapping copies where two strings are added (its bug 105651).
target_compile_options(luxtorch_flags INTERFACE -Wall -Wextra
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<BOOL:${LUXTORCH_WERROR}>:-Werror>)
if(LUXTORCH_SANITIZE)
  target_compile_options(luxtorch_flags INTERFACE -fsanitize=${LUXTORCH_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(luxtorch_flags INTERFACE -fsanitize=${LUXTORCH_SANITIZE})
endif()

list(APPEND LibTorch_PYTHON_HINTS "${PROJECT_SOURCE_DIR}/.venv/bin/python")
find_package(LibTorch REQUIRED)
find_package(Threads REQUIRED)

# fmt: LibTorch's own headers come first on every include path, so a second copy's library would not
# match them. Header-only, they need no library at all.
add_library(luxtorch_fmt INTERFACE)
if(EXISTS "${LibTorch_INCLUDE_DIR}/fmt/format.h")
  target_compile_definitions(luxtorch_fmt INTERFACE FMT_HEADER_ONLY=1)
else()
  find_package(fmt QUIET)
  if(NOT fmt_FOUND)
    message(FATAL_ERROR "${LibTorch_ROOT_DIR} brings no fmt headers, and no fmt package was found. "
      "On Debian: apt-get install libfmt-dev")
  endif()
  target_link_libraries(luxtorch_fmt INTERFACE fmt::fmt-header-only)
endif()

# Sets `out` to the folder of a header-only library, or stops and names its Debian package.
function(luxtorch_require_header header package out)
  find_path(${out} ${header})
  if(NOT ${out})
    message(FATAL_ERROR "The header ${header} was not found. On Debian: apt-get install ${package}. "
      "Elsewhere name its folder: -D${out}=/path/to/include")
  endif()
endfunction()

luxtorch_require_header(nlohmann/json.hpp nlohmann-json3-dev LUXTORCH_JSON_INCLUDE)
add_library(luxtorch_headers INTERFACE)
target_include_directories(luxtorch_headers SYSTEM INTERFACE "${LUXTORCH_JSON_INCLUDE}")

# Highway: the vectors of our kernels, chosen by the processor at run time.
luxtorch_require_header(hwy/highway.h libhwy-dev LUXTORCH_HIGHWAY_INCLUDE)
find_library(LUXTORCH_HIGHWAY_LIBRARY hwy HINTS "${LUXTORCH_HIGHWAY_INCLUDE}/../lib")
if(NOT LUXTORCH_HIGHWAY_LIBRARY)
  message(FATAL_ERROR "Highway's headers are in ${LUXTORCH_HIGHWAY_INCLUDE}, but its library hwy was not "
    "found. On Debian: apt-get install libhwy-dev. Elsewhere: -DLUXTORCH_HIGHWAY_LIBRARY=/path/to/libhwy.so")
endif()
add_library(luxtorch_highway INTERFACE)
target_include_directories(luxtorch_highway SYSTEM INTERFACE "${LUXTORCH_HIGHWAY_INCLUDE}")
target_link_libraries(luxtorch_highway INTERFACE "${LUXTORCH_HIGHWAY_LIBRARY}")

# OpenSSL: the digests of checkpoints by the processor's instructions.
find_package(OpenSSL QUIET COMPONENTS Crypto)
if(TARGET OpenSSL::Crypto)
  set(LUXTORCH_WITH_OPENSSL TRUE)
  message(STATUS "OpenSSL ${OPENSSL_VERSION}: SHA-256 by the processor's instructions")
else()
  set(LUXTORCH_WITH_OPENSSL FALSE)
  message(STATUS "OpenSSL: none, so SHA-256 is plain C++ and slower (libssl-dev on Debian)")
endif()

find_package(ZLIB QUIET)
if(NOT LUXTORCH_WITH_HDF5)
  set(HDF5_FOUND FALSE)
else()
  find_package(HDF5 QUIET COMPONENTS CXX)
  if(NOT HDF5_FOUND AND NOT LUXTORCH_WITH_HDF5 STREQUAL "AUTO")
    message(FATAL_ERROR "LUXTORCH_WITH_HDF5 is ${LUXTORCH_WITH_HDF5}, but HDF5 with its C++ API was not "
      "found. On Debian: apt-get install libhdf5-dev. Elsewhere: -DHDF5_ROOT=/path, or "
      "-DLUXTORCH_WITH_HDF5=OFF for a library that writes no JLD2 files.")
  endif()
endif()
if(HDF5_FOUND)
  message(STATUS "HDF5 ${HDF5_VERSION}: jld2::save writes files")
else()
  message(STATUS "HDF5: none, so jld2::save throws UnsupportedError (libhdf5-dev on Debian)")
endif()
if(ZLIB_FOUND)
  message(STATUS "zlib: compressed files can be read")
else()
  message(STATUS "zlib: none, so compressed files cannot be read (zlib1g-dev on Debian)")
endif()

find_path(LUXTORCH_ZSTD_INCLUDE zstd.h)
find_library(LUXTORCH_ZSTD_LIBRARY zstd)
mark_as_advanced(LUXTORCH_ZSTD_INCLUDE LUXTORCH_ZSTD_LIBRARY)
if(LUXTORCH_ZSTD_INCLUDE AND LUXTORCH_ZSTD_LIBRARY)
  set(LUXTORCH_WITH_ZSTD TRUE)
  message(STATUS "libzstd: files compressed with Zstandard can be read")
else()
  set(LUXTORCH_WITH_ZSTD FALSE)
  message(STATUS "libzstd: none, so files compressed with Zstandard cannot be read (libzstd-dev on Debian)")
endif()
