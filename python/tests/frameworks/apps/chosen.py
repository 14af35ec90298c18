"""The loop under test, for the programs of this folder."""

import asyncio
import os

KIND = os.environ["FRAMEWORK_LOOP"]


def new_event_loop():
    if KIND == "asyncio":
        return asyncio.SelectorEventLoop()
    import jloop

    return jloop.new_event_loop()


def run(main):
    if KIND == "asyncio":
        return asyncio.run(main)
    import jloop

    return jloop.run(main)


def loop_name():
    """Whose loop runs now: the top package of its class."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]
