"""Gets uvloop's source distribution from the package index, which alone has its tests."""

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "0.23.0"


def fetch(cache: Path) -> Path:
    """The unpacked source distribution in the folder `cache`; downloaded the first time."""
    name = f"uvloop-{VERSION}"
    unpacked = cache / name
    if unpacked.is_dir():
        return unpacked
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        download = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "uvloop"]
        subprocess.run([sys.executable, "-m", "pip", *download, "--dest", folder, f"uvloop=={VERSION}"], check=True)
        with tarfile.open(Path(folder, f"{name}.tar.gz")) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, filter="data")
            else:  # early patch releases
                archive.extractall(folder)
        os.rename(Path(folder, name), unpacked)  # whole, or not at all
    return unpacked
