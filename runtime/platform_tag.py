"""Marks the wheel with the platform that its runtime was linked for."""

import platform
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PlatformTag(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build_data["pure_python"] = False
        # what OpenJDK's own builds for Linux ask of the C library
        build_data["tag"] = f"py3-none-manylinux_2_17_{platform.machine()}"
