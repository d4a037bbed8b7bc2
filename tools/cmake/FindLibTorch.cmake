# Finds a LibTorch of any origin (pip wheel, zip, conda, a distribution's package) and of any flavour
# (CPU, CUDA, ROCm, XPU), and gives it the target luxtorch::libtorch. torch's own CMake files are not
# read: for a CUDA flavour they demand a CUDA toolkit, which neither configuring nor linking needs.
#
#   find_package(LibTorch REQUIRED)
#   target_link_libraries(program PRIVATE luxtorch::libtorch)
#
# Where it looks, first match wins. Each of the first four may be a CMake or an environment variable;
# what they name must hold a LibTorch, else the search ends with an error.
#   LIBTORCH, Torch_ROOT   LibTorch's folder: the one with include/ and lib/
#   Torch_DIR              the folder of TorchConfig.cmake in it (.../share/cmake/Torch)
#   LUXTORCH_PYTHON        a Python that has torch
#   CMAKE_PREFIX_PATH      a LibTorch's folder, or its share/cmake (torch.utils.cmake_prefix_path)
#   the one that the last run found in this build folder, or that LibTorch_ROOT_HINTS lists
#   the Pythons in LibTorch_PYTHON_HINTS, then of $VIRTUAL_ENV, $CONDA_PREFIX and PATH
#   /usr/local, /usr/local/libtorch, /opt/libtorch, /usr
#
# Sets LibTorch_FOUND, LibTorch_ROOT_DIR, LibTorch_INCLUDE_DIR, LibTorch_LIBRARY_DIR, LibTorch_VERSION
# and LibTorch_FLAVOUR (cpu, cuda, hip or xpu).

set(_lt_oldest 2.11)  # refused below
set(_lt_newest 2.15)  # a warning above

# Describes the LibTorch under `root` in the caller's _lt_* variables; _lt_problem is empty when there
# is one that we can use, otherwise it says in words what is wrong.
function(_lt_examine root)
  set(libraries "")
  set(lib_dir "")
  set(flavour cpu)
  set(version "")
  set(problem "")
  set(include "${root}/include")
  if(NOT EXISTS "${include}/ATen/core/Tensor.h")
    set(problem "has no include/ATen/core/Tensor.h")
  else()
    set(dirs "${root}/lib" "${root}/lib64")
    if(CMAKE_LIBRARY_ARCHITECTURE)
      list(APPEND dirs "${root}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
    endif()
    foreach(name IN ITEMS torch torch_cpu c10)
      find_library(_lt_file NAMES ${name} lib${name}.so PATHS ${dirs} NO_DEFAULT_PATH NO_CACHE)
      if(NOT _lt_file)
        set(problem "has include/ but no library ${name} in lib/")
        break()
      endif()
      list(APPEND libraries "${_lt_file}")
      unset(_lt_file)
    endforeach()
  endif()
  if(NOT problem)
    list(GET libraries 0 first)
    get_filename_component(lib_dir "${first}" DIRECTORY)
    foreach(name IN ITEMS cuda hip xpu)
      find_library(_lt_file NAMES torch_${name} libtorch_${name}.so PATHS "${lib_dir}" NO_DEFAULT_PATH
        NO_CACHE)
      if(_lt_file)
        set(flavour ${name})
      endif()
      unset(_lt_file)
    endforeach()
    # A wheel brings its OpenMP runtime along; our own parallel loops must use that one and no second.
    file(GLOB openmp "${lib_dir}/libgomp*.so*")
    if(openmp)
      list(GET openmp 0 openmp)
      list(APPEND libraries "${openmp}")
    endif()
    foreach(header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
      if(EXISTS "${include}/${header}")
        file(STRINGS "${include}/${header}" lines
          REGEX "^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
        list(TRANSFORM lines REPLACE "^#define TORCH_VERSION_[A-Z]+ +([0-9]+).*" "\\1")
        if(lines)
          list(JOIN lines "." version)
          break()
        endif()
      endif()
    endforeach()
    if(NOT version)
      set(problem "has no version in include/torch/headeronly/version.h")
    elseif(version VERSION_LESS _lt_oldest)
      set(problem "is version ${version}; luxtorch needs ${_lt_oldest} or newer")
    endif()
  endif()
  set(_lt_include "${include}" PARENT_SCOPE)
  set(_lt_library_dir "${lib_dir}" PARENT_SCOPE)
  set(_lt_libraries "${libraries}" PARENT_SCOPE)
  set(_lt_flavour "${flavour}" PARENT_SCOPE)
  set(_lt_version "${version}" PARENT_SCOPE)
  set(_lt_problem "${problem}" PARENT_SCOPE)
endfunction()

# Tries the folders after `roots` in order. Sets _lt_root to the first good one, else adds a line per
# folder that holds a LibTorch of no use to us to _lt_refused.
macro(_lt_try)
  foreach(_lt_try_root IN ITEMS ${ARGN})
    if(NOT _lt_root)
      get_filename_component(_lt_try_root "${_lt_try_root}" ABSOLUTE)
      _lt_examine("${_lt_try_root}")
      if(NOT _lt_problem)
        set(_lt_root "${_lt_try_root}")
      elseif(NOT _lt_problem MATCHES "Tensor.h")
        string(APPEND _lt_refused "\n  ${_lt_try_root} ${_lt_problem}")
      endif()
    endif()
  endforeach()
endmacro()

# The folders in which the torch of a Python may lie. It asks without importing torch: 20 ms instead
# of 2 s, and it works where the libraries of torch's GPU do not load.
function(_lt_roots_of_python python out)
  execute_process(
    COMMAND "${python}" -c "import importlib.util, os, sys
spec = importlib.util.find_spec('torch')
if spec and spec.origin: print(os.path.dirname(spec.origin) + ';' + sys.prefix)"
    OUTPUT_VARIABLE roots OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(${out} "${roots}" PARENT_SCOPE)
endfunction()

set(_lt_root "")
set(_lt_refused "")
set(_lt_error "")

foreach(_lt_name IN ITEMS LIBTORCH Torch_ROOT Torch_DIR LUXTORCH_PYTHON)
  foreach(_lt_value IN ITEMS "${${_lt_name}}" "$ENV{${_lt_name}}")
    if(NOT _lt_value OR _lt_root OR _lt_error)
      continue()
    endif()
    if(_lt_name STREQUAL "LUXTORCH_PYTHON")
      _lt_roots_of_python("${_lt_value}" _lt_roots)
    elseif(_lt_name STREQUAL "Torch_DIR")
      set(_lt_roots "${_lt_value}/../../..")
    else()
      set(_lt_roots "${_lt_value}")
    endif()
    _lt_try(${_lt_roots})
    if(NOT _lt_root AND _lt_refused)
      set(_lt_error "${_lt_name} names a LibTorch that cannot be used:${_lt_refused}")
    elseif(NOT _lt_root AND _lt_name STREQUAL "LUXTORCH_PYTHON")
      set(_lt_error "LUXTORCH_PYTHON is ${_lt_value}, which is not a Python that has torch.")
    elseif(NOT _lt_root)
      set(_lt_error "${_lt_name} is ${_lt_value}, where there is no LibTorch: the folder ${_lt_problem}.")
    endif()
  endforeach()
endforeach()

if(NOT _lt_error)
  file(TO_CMAKE_PATH "$ENV{CMAKE_PREFIX_PATH}" _lt_environment_prefixes)
  foreach(_lt_value IN LISTS CMAKE_PREFIX_PATH _lt_environment_prefixes)
    _lt_try("${_lt_value}" "${_lt_value}/../..")
  endforeach()
  _lt_try(${LibTorch_FOUND_BEFORE} ${LibTorch_ROOT_HINTS})
  find_program(_lt_python NAMES python3 python NO_CACHE)
  foreach(_lt_value IN ITEMS ${LibTorch_PYTHON_HINTS} "$ENV{VIRTUAL_ENV}/bin/python"
      "$ENV{CONDA_PREFIX}/bin/python" "${_lt_python}")
    if(NOT _lt_root AND EXISTS "${_lt_value}")
      _lt_roots_of_python("${_lt_value}" _lt_roots)
      _lt_try(${_lt_roots})
    endif()
  endforeach()
  _lt_try(/usr/local /usr/local/libtorch /opt/libtorch /usr)
  if(NOT _lt_root)
    set(_lt_error "No LibTorch (PyTorch's C++ library) was found. Run tools/setup, which installs one "
      "in .venv, or name yours: -DLIBTORCH=/path/to/libtorch (the folder with include/ and lib/), or "
      "-DLUXTORCH_PYTHON=/path/to/a/python/that/has/torch.")
    list(JOIN _lt_error "" _lt_error)
    if(_lt_refused)
      string(APPEND _lt_error "\nThese cannot be used:${_lt_refused}")
    endif()
  endif()
endif()

if(_lt_error)
  set(LibTorch_FOUND FALSE)
  set(LibTorch_NOT_FOUND_MESSAGE "${_lt_error}")
  if(LibTorch_FIND_REQUIRED)
    message(FATAL_ERROR "${_lt_error}")
  endif()
  return()
endif()

set(LibTorch_FOUND TRUE)
set(LibTorch_ROOT_DIR "${_lt_root}")
set(LibTorch_INCLUDE_DIR "${_lt_include}")
set(LibTorch_LIBRARY_DIR "${_lt_library_dir}")
set(LibTorch_VERSION "${_lt_version}")
set(LibTorch_FLAVOUR "${_lt_flavour}")
# A build folder keeps its LibTorch when CMake runs again by itself, without the first run's environment.
set(LibTorch_FOUND_BEFORE "${_lt_root}" CACHE INTERNAL "the LibTorch that the last run found")

if(NOT TARGET luxtorch::libtorch)
  add_library(luxtorch::libtorch INTERFACE IMPORTED GLOBAL)
  set_target_properties(luxtorch::libtorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_lt_include};${_lt_include}/torch/csrc/api/include"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${_lt_include};${_lt_include}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${_lt_libraries}")
  if(UNIX AND NOT APPLE)
    # libtorch.so loads the GPU's kernels, to which no program refers by a symbol.
    set(_lt_options LINKER:--no-as-needed)
    if(NOT _lt_flavour STREQUAL "cpu")
      # The GPU's own libraries lie where only torch's loader path knows, or are not installed here.
      list(APPEND _lt_options LINKER:--allow-shlib-undefined)
    endif()
    set_target_properties(luxtorch::libtorch PROPERTIES INTERFACE_LINK_OPTIONS "${_lt_options}")
  endif()
endif()

if(NOT LibTorch_FIND_QUIETLY)
  message(STATUS "LibTorch ${_lt_version} (${_lt_flavour}): ${_lt_root}")
endif()
if(_lt_version VERSION_GREATER_EQUAL 2.16)
  message(WARNING "LibTorch ${_lt_version} is newer than luxtorch knows (${_lt_oldest} to ${_lt_newest}).")
endif()
