"""What an interpreter has: `python -m jloop_bench.environment` prints it as JSON. Run by the interpreter under test."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform

PACKAGES = (
    "jloop",
    "uvloop",
    "zuvloop",
    "zloop",
    "rloop",
    "aiofastnet",
    "httptools",
    "uvicorn",
    "fastapi",
    "aiohttp",
    "websockets",
)


def version(package: str) -> str | None:
    """The installed version of `package`; "source" if it can be imported but was not installed; None if neither."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "source" if importlib.util.find_spec(package) else None


def describe() -> dict[str, object]:
    """`python`, its version; `openssl`; `packages`, which are installed, with versions."""
    import ssl

    packages = {name: version(name) for name in PACKAGES}
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": ssl.OPENSSL_VERSION,
        "packages": {name: found for name, found in packages.items() if found},
    }


if __name__ == "__main__":
    print(json.dumps(describe()))
