# SPDX-License-Identifier: MIT
#
# find_package(neap) gives neap::neap (shared) and neap::static. Neither links
# Lua itself; a program that uses them links Lua 5.4 through them.

include(CMakeFindDependencyMacro)
find_dependency(Lua 5.4 EXACT)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/neap-targets.cmake)

foreach(target neap::neap neap::static)
    set_property(TARGET ${target} APPEND PROPERTY
        INTERFACE_INCLUDE_DIRECTORIES ${LUA_INCLUDE_DIR})
    set_property(TARGET ${target} APPEND PROPERTY
        INTERFACE_LINK_LIBRARIES ${LUA_LIBRARIES})
endforeach()
