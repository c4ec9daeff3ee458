"""Hands the CMake build of the C++ core to setuptools; everything else is in pyproject.toml."""

from setuptools import setup

setup(cmake_source_dir=".", cmake_args=["-DSCRFD_PYTHON=ON"])
