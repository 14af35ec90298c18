"""What a JVM inside a CPython process could break, one test each: see `docs/architecture.md`, "Living in CPython's process"."""
