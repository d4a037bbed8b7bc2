# The kernels' sources, in luxtorch_kernels, and how they are compiled. They need Highway's headers, and no
# LibTorch: tests/kernels/aarch64 builds them alone.

set(luxtorch_kernels loss.cpp optimizer.cpp recurrent/pack.cpp transformer.cpp)
set(luxtorch_vector_kernels
  cross_entropy.cpp
  random/philox.cpp
  recurrent/backward.cpp
  recurrent/forward.cpp
  recurrent/layout.cpp
  recurrent/single_step.cpp
  transpose.cpp
  transpose_bytes.cpp
  dense/dense.cpp
  dense/weight_gradient.cpp)
file(RELATIVE_PATH kernels_folder "${CMAKE_CURRENT_SOURCE_DIR}" "${CMAKE_CURRENT_LIST_DIR}")
list(TRANSFORM luxtorch_kernels PREPEND "${kernels_folder}/")
list(TRANSFORM luxtorch_vector_kernels PREPEND "${kernels_folder}/")

# These stay files of their own where others are compiled together (CMAKE_UNITY_BUILD).
set_source_files_properties(${luxtorch_kernels} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

# An optimizer's steps have the same bits on every machine: no fused multiply-add where the processor has one.
# A square root that may set errno would keep its loop from vectors.
set_source_files_properties("${kernels_folder}/optimizer.cpp" PROPERTIES
  COMPILE_OPTIONS "-ffp-contract=off;-fno-math-errno")

# Highway's oldest vectors would be compiled for processors that LibTorch does not run on; those of SVE have
# no size, so that no array can hold them. Checked by sanitizers each kind takes many minutes to compile, so
# that they get one.
set(vector_flags -O2 -fno-math-errno -fno-trapping-math)
set(vector_definitions "HWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_SSE4)")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  set(vector_definitions "HWY_DISABLED_TARGETS=(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)")
endif()
if(LUXTORCH_SANITIZE)
  list(REMOVE_ITEM vector_flags -O2)
  set(vector_definitions HWY_COMPILE_ONLY_STATIC)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND vector_flags -mavx2 -mfma -mbmi -mbmi2 -mf16c -maes -mpclmul)
  endif()
endif()
set_source_files_properties(${luxtorch_vector_kernels}
  PROPERTIES COMPILE_OPTIONS "${vector_flags}" COMPILE_DEFINITIONS "${vector_definitions}")
# The same uniforms on every machine.
set_source_files_properties("${kernels_folder}/random/philox.cpp"
  PROPERTIES COMPILE_OPTIONS "${vector_flags};-ffp-contract=off")
list(APPEND luxtorch_kernels ${luxtorch_vector_kernels})
