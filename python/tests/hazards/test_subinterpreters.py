"""A sub-interpreter has no jloop of its own: it says so, and the main interpreter's loops go on."""

from __future__ import annotations

import pytest

from .child import Child

PROGRAM = """
    import sys
    from underloop import load, new_event_loop, say

    def run_in_subinterpreter(code):
        \"\"\"Run `code` in a new interpreter; returns what it raised as text, or None.\"\"\"
        if sys.version_info >= (3, 14):
            from concurrent import interpreters
            interpreter = interpreters.create()
            try:
                interpreter.exec(code)
            except interpreters.ExecutionFailed as error:
                return str(error)
            finally:
                interpreter.close()
            return None
        if sys.version_info >= (3, 13):
            import _interpreters
            number = _interpreters.create({config!r})
            try:
                failed = _interpreters.exec(number, code)
                return failed and failed.formatted
            finally:
                _interpreters.destroy(number)
        import _xxsubinterpreters as interpreters
        number = interpreters.create()
        try:
            interpreters.run_string(number, code)
        except Exception as error:
            return str(error)
        finally:
            interpreters.destroy(number)

    attempt = '''
    import sys
    sys.path[:0] = PATH
    import MODULE
    loop = MODULE.new_event_loop()
    loop.run_until_complete(MODULE.asyncio.sleep(0)) if hasattr(MODULE, "asyncio") else None
    loop.close()
    '''.replace("PATH", repr(sys.path)).replace("\\n    ", "\\n")
"""


@pytest.mark.parametrize("config", ["isolated", "legacy"])
@pytest.mark.parametrize("first", ["main", "sub"])
def test_a_subinterpreter_gets_a_clear_error(jloop_child: Child, first: str, config: str) -> None:
    jloop_child.run(
        PROGRAM.replace("{config!r}", repr(config))
        + f"""
    if {first == "main"}:
        loop = new_event_loop()
        load(loop)
    for _ in range(3):
        error = run_in_subinterpreter(attempt.replace("MODULE", "jloop"))
        assert error is None or "interpreter" in error, error
        say("works" if error is None else "refused")
    if {first == "sub"}:
        loop = new_event_loop()
    load(loop)
    loop.close()
    """,
        out="refused\n" * 3,
    )


def test_asyncio_in_a_subinterpreter_beside_a_loop_of_the_main_one(child: Child) -> None:
    child.run(
        PROGRAM.replace("{config!r}", repr("legacy"))
        + """
    loop = new_event_loop()
    load(loop)
    say(run_in_subinterpreter(attempt.replace("MODULE", "asyncio")))
    load(loop)
    loop.close()
    """,
        out="None\n",
    )
