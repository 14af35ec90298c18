"""`uvloop.loop`'s place: programs that name the class as `uvloop.loop.Loop` find it here."""

# by its full name: where jloop stands in for uvloop, this module is loaded as `uvloop.loop`
from jloop._loop import Loop

__all__ = ["Loop"]
