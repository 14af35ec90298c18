"""The one place of the version; the Java build and the wheel read it from here."""

__version__ = "0.1.0"
