# Whether src/distributed/nccl.cpp can be compiled: LUXTORCH_NCCL, and then LUXTORCH_NCCL_INCLUDES and
# LUXTORCH_TORCH_CUDA, the library that has torch's class. It needs a LibTorch with CUDA, NCCL's header and those of
# CUDA's runtime, cuBLAS, cuSPARSE and cuSOLVER: of the wheels that torch's own wheel requires, and of
# nvidia-cuda-crt and nvidia-cuda-cccl; or of a CUDA toolkit and libnccl-dev. No GPU is needed.

set(LUXTORCH_NCCL FALSE)
if(NOT LibTorch_FLAVOUR STREQUAL "cuda")
  return()
endif()

# The wheels lie beside torch.
get_filename_component(_nccl_wheels "${LibTorch_ROOT_DIR}/../nvidia" ABSOLUTE)
file(GLOB _nccl_cuda_wheels "${_nccl_wheels}/cu*/include")
set(_nccl_toolkits "$ENV{CUDA_HOME}/include" /usr/local/cuda/include)
find_path(LUXTORCH_NCCL_INCLUDE nccl.h HINTS "${_nccl_wheels}/nccl/include" PATHS ${_nccl_toolkits})
find_path(LUXTORCH_CUDA_INCLUDE cuda_runtime_api.h HINTS ${_nccl_cuda_wheels} PATHS ${_nccl_toolkits})
find_library(LUXTORCH_TORCH_CUDA torch_cuda PATHS "${LibTorch_LIBRARY_DIR}" NO_DEFAULT_PATH)
mark_as_advanced(LUXTORCH_NCCL_INCLUDE LUXTORCH_CUDA_INCLUDE LUXTORCH_TORCH_CUDA)
# One of the many headers may be missing all the same.
function(_luxtorch_check_nccl)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_INCLUDES ${LUXTORCH_NCCL_INCLUDES} "${LibTorch_INCLUDE_DIR}"
    "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  set(CMAKE_REQUIRED_FLAGS "-std=c++20")
  set(CMAKE_REQUIRED_DEFINITIONS -DUSE_C10D_NCCL)
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
  check_cxx_source_compiles("#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>"
    LUXTORCH_NCCL_COMPILES)
endfunction()
if(LUXTORCH_NCCL_INCLUDE AND LUXTORCH_CUDA_INCLUDE AND LUXTORCH_TORCH_CUDA)
  set(LUXTORCH_NCCL_INCLUDES "${LUXTORCH_NCCL_INCLUDE}" "${LUXTORCH_CUDA_INCLUDE}"
    "${LUXTORCH_CUDA_INCLUDE}/cccl")
  _luxtorch_check_nccl()
  set(LUXTORCH_NCCL "${LUXTORCH_NCCL_COMPILES}")
endif()
if(LUXTORCH_NCCL)
  message(STATUS "NCCL: ${LUXTORCH_NCCL_INCLUDE}")
else()
  message(STATUS "NCCL: no headers, so tensors on GPUs are sent by way of the CPU (pip install "
    "nvidia-nccl-cu13 nvidia-cuda-crt nvidia-cuda-cccl, or a CUDA toolkit and libnccl-dev)")
endif()
