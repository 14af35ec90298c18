"""`python -m jloop_bench`; see `jloop_bench.cli`."""

import sys

from jloop_bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
