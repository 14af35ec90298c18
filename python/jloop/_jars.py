"""The package's Java half."""

import os

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib")

JARS = tuple(os.path.join(_FOLDER, name) for name in ("jloop-cpython.jar", "jloop-engine.jar"))
CLASS_PATH = os.pathsep.join(JARS)
