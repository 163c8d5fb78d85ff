include(CMakeFindDependencyMacro)
find_dependency(ecf_failover 0.1 COMPONENTS Fortran)
include("${CMAKE_CURRENT_LIST_DIR}/exporter-targets.cmake")
