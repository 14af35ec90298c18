"""`jloop.run`, `new_event_loop`, policies: the public names, as uvloop documents them."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import jloop
import pytest
from support import run_script


@pytest.fixture
def no_policy() -> Iterator[None]:
    """Puts asyncio's own policy back afterwards."""
    from jloop._policy import set_event_loop_policy

    yield
    set_event_loop_policy(None)


async def which_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


class TestRun:
    def test_runs_on_a_jloop_and_returns_the_result(self) -> None:
        loop = jloop.run(which_loop())
        assert isinstance(loop, jloop.Loop)
        assert loop.is_closed()

    def test_debug(self) -> None:
        async def main() -> bool:
            return asyncio.get_running_loop().get_debug()

        assert jloop.run(main(), debug=True) is True
        assert jloop.run(main(), debug=False) is False

    def test_loop_factory(self) -> None:
        class Mine(jloop.Loop):
            pass

        assert type(jloop.run(which_loop(), loop_factory=Mine)) is Mine

    def test_a_loop_of_another_kind_is_refused(self) -> None:
        main = which_loop()
        with pytest.raises(TypeError, match="a non-jloop event loop"):
            jloop.run(main, loop_factory=asyncio.SelectorEventLoop)
        main.close()

    def test_inside_a_running_loop_it_is_refused(self) -> None:
        async def outer() -> None:
            inner = which_loop()
            try:
                with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
                    jloop.run(inner)
            finally:
                inner.close()

        asyncio.run(outer())

    @pytest.mark.parametrize("what", [None, 1, which_loop])
    def test_only_coroutines_run(self, what: Any) -> None:
        with pytest.raises((TypeError, ValueError)):
            jloop.run(what)

    def test_the_exception_of_the_coroutine_is_raised_and_the_loop_closed(self) -> None:
        loops = []

        def factory() -> asyncio.AbstractEventLoop:
            loops.append(jloop.new_event_loop())
            return loops[-1]

        async def fail() -> None:
            raise LookupError

        with pytest.raises(LookupError):
            jloop.run(fail(), loop_factory=factory)
        assert loops[0].is_closed()

    def test_what_is_left_is_cancelled_and_generators_are_closed(self) -> None:
        ended = []

        async def background() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("task")

        async def numbers() -> Any:
            try:
                yield 1
            finally:
                ended.append("generator")

        async def main() -> None:
            task = asyncio.ensure_future(background())
            generator = numbers()
            await generator.__anext__()
            await asyncio.sleep(0)
            keep.extend([task, generator])

        keep: list[object] = []
        jloop.run(main())
        assert ended == ["task", "generator"]

    def test_a_task_that_fails_instead_of_being_cancelled_is_reported(self) -> None:
        contexts: list[dict[str, Any]] = []

        async def stubborn() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise LookupError("instead") from None

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
            task = asyncio.ensure_future(stubborn())
            await asyncio.sleep(0)
            assert not task.done()

        jloop.run(main())
        (context,) = contexts
        assert context["message"].startswith("unhandled exception during ")
        assert isinstance(context["exception"], LookupError)

    @pytest.mark.skipif(sys.version_info >= (3, 11), reason="asyncio.Runner takes the arguments")
    def test_unknown_arguments_are_refused(self) -> None:
        main = which_loop()
        with pytest.raises(TypeError, match="unexpected keyword arguments: context"):
            jloop.run(main, context=None)
        main.close()


class TestOtherWays:
    @pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.Runner is new in 3.11")
    def test_asyncio_runner(self) -> None:
        with asyncio.Runner(loop_factory=jloop.new_event_loop) as runner:
            assert isinstance(runner.run(which_loop()), jloop.Loop)

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio.run takes a loop_factory from 3.12 on")
    def test_asyncio_run_with_a_factory(self) -> None:
        assert isinstance(asyncio.run(which_loop(), loop_factory=jloop.new_event_loop), jloop.Loop)

    def test_new_event_loop(self) -> None:
        loop = jloop.new_event_loop()
        try:
            assert isinstance(loop, jloop.Loop)
            assert isinstance(loop, asyncio.AbstractEventLoop)
            assert loop.run_until_complete(which_loop()) is loop
        finally:
            loop.close()

    @pytest.mark.usefixtures("no_policy")
    def test_install_then_asyncio_run(self) -> None:
        if sys.version_info >= (3, 12):
            with pytest.warns(DeprecationWarning, match="jloop.run") as caught:
                jloop.install()
            assert caught[0].filename == __file__
        else:
            jloop.install()
        assert isinstance(asyncio.run(which_loop()), jloop.Loop)

    @pytest.mark.usefixtures("no_policy")
    def test_policy(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            asyncio.set_event_loop_policy(jloop.EventLoopPolicy())
            assert isinstance(asyncio.get_event_loop_policy(), jloop.EventLoopPolicy)
        loop = asyncio.new_event_loop()
        try:
            assert isinstance(loop, jloop.Loop)
            asyncio.set_event_loop(loop)
            assert asyncio.get_event_loop() is loop
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def test_without_install_asyncio_keeps_its_own_loop(self) -> None:
        assert not isinstance(asyncio.run(which_loop()), jloop.Loop)


class TestPackage:
    def test_public_names(self) -> None:
        names = {"EventLoopPolicy", "JVMError", "Loop", "__version__", "install", "new_event_loop", "run"}
        assert set(jloop.__all__) == names
        assert names <= set(dir(jloop))
        for name in names:
            assert getattr(jloop, name)
        with pytest.raises(AttributeError, match="module 'jloop' has no attribute 'nothing'"):
            jloop.nothing  # noqa: B018

    def test_import_and_policy_class_warn_of_nothing(self) -> None:
        ended = run_script("jloop", "jloop.EventLoopPolicy(), jloop.Loop, jloop.install", "-W", "error")
        assert (ended.returncode, ended.stderr) == (0, "")

    def test_a_free_threaded_build_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jloop._platform.free_threaded", lambda: True)
        with pytest.raises(RuntimeError, match="a build with the GIL; this is free-threaded build: .*Python 3"):
            jloop.new_event_loop()

    def test_another_system_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.platform", "plan9")
        with pytest.raises(RuntimeError, match="jloop needs Linux; this is plan9"):
            jloop.new_event_loop()

    def test_a_forked_child_gets_asyncios_loop_and_one_warning(self) -> None:
        ended = run_script(
            "jloop",
            """
            import warnings
            new_event_loop().close()
            pid = os.fork()
            if pid == 0:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    loops = [new_event_loop(), new_event_loop()]
                    jloop.run(asyncio.sleep(0))
                for loop in loops:
                    print(type(loop).__module__, loop.run_until_complete(asyncio.sleep(0, "works")))
                    loop.close()
                print([warning.category.__name__ for warning in caught], flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
            """,
            "-W",
            "ignore",
        )
        expected = "asyncio.unix_events works\nasyncio.unix_events works\n['RuntimeWarning']\n"
        assert ended.stdout == expected, ended.stderr
