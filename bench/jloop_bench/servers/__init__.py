"""Servers under test. Each module has `start(loop, spec)`, which serves and returns the address it serves on."""
