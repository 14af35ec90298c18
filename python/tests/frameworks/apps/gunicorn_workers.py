"""uvicorn's gunicorn worker on the loop under test."""

from chosen import KIND
from uvicorn_worker import UvicornWorker

if KIND == "jloop":
    import jloop  # noqa: F401  # the parent imports it before it forks, and must not start the JVM by that


class Worker(UvicornWorker):
    CONFIG_KWARGS = {
        "loop": {"asyncio": "asyncio", "jloop": "jloop:new_event_loop"}[KIND],
        "http": "httptools",
        "ws": "websockets",
    }
