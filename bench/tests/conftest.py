"""The package under test lies beside this folder, and is not installed in a checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
