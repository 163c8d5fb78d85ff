# ecf_failover::fortran: the Fortran module, built from its source by the compiler that uses it,
# for no two compilers read each other's modules. Included by the package and by the build tree.
#
# ecf_failover_fortran_source is where the source lies.

if(NOT TARGET ecf_failover_fortran)
    add_library(ecf_failover_fortran STATIC "${ecf_failover_fortran_source}")
    set(ecf_failover_fortran_modules "${CMAKE_CURRENT_BINARY_DIR}/module/ecf_failover")
    set_target_properties(ecf_failover_fortran PROPERTIES
        Fortran_MODULE_DIRECTORY "${ecf_failover_fortran_modules}"
        POSITION_INDEPENDENT_CODE ON)
    target_include_directories(ecf_failover_fortran INTERFACE "${ecf_failover_fortran_modules}")
    target_link_libraries(ecf_failover_fortran PUBLIC ecf_failover::ecf_failover)
    add_library(ecf_failover::fortran ALIAS ecf_failover_fortran)
endif()
