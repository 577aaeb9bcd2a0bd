"""Maps the fixed top level onto one import package; everything else about the build stands in pyproject.toml."""

from setuptools import find_packages, setup

ROOMS = ("core", "plugins", "adapters", "mappings", "sync", "cli")

setup(
    packages=["tieline"]
    + [f"tieline.{room}" for room in ROOMS]
    + [f"tieline.{room}.{inner}" for room in ROOMS for inner in find_packages(room)],
)
