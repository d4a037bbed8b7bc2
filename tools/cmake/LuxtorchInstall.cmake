# The package: cmake --install build/release --prefix P, then find_package(luxtorch). The build folder
# of a shared library is one too: -Dluxtorch_DIR=build/release.

include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/luxtorch")
configure_package_config_file(tools/cmake/luxtorchConfig.cmake.in
  "${PROJECT_BINARY_DIR}/luxtorchConfig.cmake" INSTALL_DESTINATION "${package_dir}")
# Below 1.0 a minor version may change what users see.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/luxtorchConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)

install(TARGETS luxtorch EXPORT luxtorchTargets)
install(DIRECTORY include/luxtorch DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(EXPORT luxtorchTargets NAMESPACE luxtorch:: DESTINATION "${package_dir}")
install(FILES
  "${PROJECT_BINARY_DIR}/luxtorchConfig.cmake"
  "${PROJECT_BINARY_DIR}/luxtorchConfigVersion.cmake"
  tools/cmake/FindLibTorch.cmake
  DESTINATION "${package_dir}")

if(BUILD_SHARED_LIBS)  # a static one would need what it is made of to be exported too
  export(EXPORT luxtorchTargets NAMESPACE luxtorch:: FILE "${PROJECT_BINARY_DIR}/luxtorchTargets.cmake")
  configure_file(tools/cmake/FindLibTorch.cmake "${PROJECT_BINARY_DIR}/FindLibTorch.cmake" COPYONLY)
endif()
