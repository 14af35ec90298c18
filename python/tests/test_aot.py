"""The start-up cache: when it is made, used and left alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from jloop import _aot, _aot_build, _aot_home, _jvm

FIRST_CALLBACK = """\
import jloop
from jloop import _jvm
loop = jloop.new_event_loop()
loop.call_soon(loop.stop)
loop.run_forever()
loop.close()
print([option for option in open("/proc/self/maps").read().split() if option.endswith(".aot")][:1])
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, used by this process and its children."""
    monkeypatch.setenv("JLOOP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("JLOOP_AOT", raising=False)
    monkeypatch.delenv("JLOOP_JVM_OPTIONS", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def ready_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the cache for the default options."""
    folder = tmp_path_factory.mktemp("ready")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JLOOP_CACHE_DIR", str(folder))
        patch.delenv("JLOOP_JVM_OPTIONS", raising=False)
        assert _aot_build.build(_jvm.find_jvm()) is None
    return folder


def run(source: str = FIRST_CALLBACK, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def but(jvm: _jvm.JVM, **changes: str) -> _jvm.JVM:
    """Another runtime, which differs in this only."""
    return _jvm.JVM(**{name: getattr(jvm, name) for name in _jvm.JVM.__slots__} | changes)


def path_of_cache() -> Path:
    return Path(_aot.cache_path(_jvm.find_jvm(), _jvm.basic_options()))


def test_the_cache_is_used_and_the_jvm_prints_nothing(ready_folder: Path) -> None:
    (cache,) = ready_folder.glob("*.aot")
    ended = run(JLOOP_CACHE_DIR=str(ready_folder), JLOOP_AOT="use")
    assert (ended.stdout, ended.stderr, ended.returncode) == (f"{[str(cache)]}\n", "", 0)


def test_it_can_be_turned_off(ready_folder: Path) -> None:
    assert run(JLOOP_CACHE_DIR=str(ready_folder), JLOOP_AOT="0").stdout == "[]\n"


def test_other_options_do_not_use_it(ready_folder: Path) -> None:
    ended = run(JLOOP_CACHE_DIR=str(ready_folder), JLOOP_AOT="use", JLOOP_JVM_OPTIONS="-Xmx65m")
    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_a_cache_that_others_may_write_is_not_used(ready_folder: Path) -> None:
    (cache,) = ready_folder.glob("*.aot")
    cache.chmod(0o666)
    try:
        assert run(JLOOP_CACHE_DIR=str(ready_folder), JLOOP_AOT="use").stdout == "[]\n"
    finally:
        cache.chmod(0o600)


def test_a_damaged_cache_is_only_slower(folder: Path, ready_folder: Path) -> None:
    folder.mkdir()
    damaged = bytearray(next(ready_folder.glob("*.aot")).read_bytes())
    for content in (b"", b"nonsense", bytes(damaged[:100_000]), b"\0" * 4096 + bytes(damaged[4096:])):
        path_of_cache().write_bytes(content)
        path_of_cache().chmod(0o600)
        ended = run(JLOOP_AOT="use")
        assert (ended.returncode, ended.stderr) == (0, ""), len(content)


def test_the_name_depends_on_runtime_jars_and_options(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jvm = _jvm.find_jvm()
    names = {_aot.cache_path(jvm, ["-Xmx64m"]), _aot.cache_path(jvm, ["-Xmx65m"])}
    names.add(_aot.cache_path(but(jvm, version="25.9.9"), ["-Xmx64m"]))
    folder.mkdir()
    (folder / "x.jar").write_bytes(b"another jar")
    monkeypatch.setattr(_aot, "JARS", (str(folder / "x.jar"),))
    names.add(_aot.cache_path(jvm, ["-Xmx64m"]))
    assert len(names) == 4


def test_the_first_use_makes_it_in_the_background(folder: Path) -> None:
    # a JVM option of its own, so that no other test's cache fits
    env = {"JLOOP_JVM_OPTIONS": "-Dnothing=1"}
    before = run(**env)
    assert before.stdout == "[]\n", before.stderr
    give_up = time.monotonic() + 60
    while not (caches := list(folder.glob("*.aot"))):
        assert time.monotonic() < give_up, [path.name for path in folder.glob("*")]
        time.sleep(0.1)
    after = run(**env)
    assert (after.stdout, after.stderr) == (f"{[str(caches[0])]}\n", "")


def test_it_is_made_by_this_very_package_where_another_is_installed(tmp_path: Path) -> None:
    other = tmp_path / "jloop"
    other.mkdir()
    (other / "__init__.py").write_text("")
    (other / "_aot_build.py").write_text("def child(arguments): print('another')")
    source = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{_aot.builder_command()[-1]}"
    source = source.replace("sys.exit(_aot_build.child(sys.argv[1:]))", "print(_aot_build.__file__)")
    assert run(source).stdout.strip() == _aot_build.__file__


def test_what_an_ended_process_left_is_removed(folder: Path) -> None:
    old, young = folder / "making-old", folder / "making-young"
    for path in (old, young):
        (path / "home").mkdir(parents=True)
        (path / "home" / "link").symlink_to(_jvm.find_jvm().home)
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    _aot_build.clear()
    assert [path.name for path in folder.iterdir()] == ["making-young"]
    assert Path(_jvm.find_jvm().libjvm).exists()


def test_the_lambda_forms_of_our_method_handles_are_in_it(ready_folder: Path) -> None:
    """Each that is not is a class to make at every start."""
    path = next(ready_folder.glob("*.aot"))
    trace = "-Djava.lang.invoke.MethodHandle.TRACE_RESOLVE=true"
    told = run(JLOOP_JVM_OPTIONS=f"-XX:AOTCache={path} {trace}").stdout
    upcall, slot = "invokeStatic LJ4_J", "fieldAccessCast L_L"
    assert f"{upcall} (success)" in told
    assert f"{slot} (success)" in told
    assert told.count("(fail)") == 0


def test_a_runtime_that_cannot_be_copied_still_gets_a_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("told to fail")

    monkeypatch.setattr(_aot_home, "make", fail)
    assert _aot_build.build(_jvm.find_jvm()) is None
    assert list(folder.glob("*.aot"))


def test_the_one_that_the_package_of_a_runtime_brings_is_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_at = but(_jvm.find_jvm(), home=str(tmp_path / "built" / "java"), source="jloop-runtime")
    installed_at = but(built_at, home=str(tmp_path / "installed" / "java"))
    elsewhere = [option.replace("=/", "=/elsewhere/") for option in _jvm.basic_options()]
    name = os.path.basename(_aot.shipped_path(built_at, elsewhere))
    assert _aot.options(installed_at, _jvm.basic_options()) == []
    shipped = tmp_path / "installed" / name
    shipped.parent.mkdir()
    shipped.touch()
    monkeypatch.setattr(_aot, "_is_ours", lambda _: False)  # the installer may have been somebody else
    assert _aot.options(installed_at, _jvm.basic_options()) == _aot.use(installed_at, shipped)
    assert _aot.options(installed_at, [*_jvm.basic_options(), "-Xmx1g"]) == []
    assert _aot.options(but(installed_at, source="JAVA_HOME"), _jvm.basic_options()) == []


def test_use_makes_none(folder: Path) -> None:
    assert run(JLOOP_AOT="use").stdout == "[]\n"
    assert not list(folder.glob("*"))


def test_making_starts_no_child_that_a_program_would_have_to_reap(folder: Path) -> None:
    source = "import os, jloop\njloop.new_event_loop().close()\ntry: os.waitpid(-1, 0)\nexcept ChildProcessError: print('none')"
    ended = run(source, JLOOP_JVM_OPTIONS="-XX:AOTMode=auto -XX:+NoSuch")
    assert "JVMError" in ended.stderr
    assert run(source).stdout == "none\n"
    wait_for_quiet(folder)


def wait_for_quiet(folder: Path) -> None:
    """Wait until nothing is being made in that folder."""
    give_up = time.monotonic() + 60
    while not list(folder.glob("*.aot")) and time.monotonic() < give_up:
        time.sleep(0.1)


def test_a_cache_that_cannot_be_made_is_not_tried_by_every_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_aot, "builder_command", lambda *_: [sys.executable, "-c", "raise SystemExit('told to fail')"])
    failure = _aot_build.build(_jvm.find_jvm())
    assert failure == "train: exit status 1: told to fail"
    assert _aot.state(_jvm.find_jvm(), _jvm.basic_options()) == f"could not be made: {failure}"
    assert not path_of_cache().exists()
    started: list[object] = []
    monkeypatch.setattr(subprocess, "run", started.append)
    _aot.make_in_background(_jvm.find_jvm(), _jvm.basic_options())
    assert not started


def test_a_cache_that_does_not_start_is_not_put_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import sys; from pathlib import Path; what, file = sys.argv[1:]; "
        "Path(file).write_bytes(b'x') if what == 'train' else sys.exit('it does not start')"
    )
    monkeypatch.setattr(_aot, "builder_command", lambda *arguments: [sys.executable, "-c", script, *arguments])
    assert _aot_build.build(_jvm.find_jvm()) == "prove: exit status 1: it does not start"
    assert not list(folder.glob("*.aot"))


def test_build_and_clear_from_the_command_line(ready_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JLOOP_CACHE_DIR", str(ready_folder))
    monkeypatch.delenv("JLOOP_AOT", raising=False)
    monkeypatch.delenv("JLOOP_JVM_OPTIONS", raising=False)
    command = [sys.executable, "-m", "jloop", "cache"]

    def cache(option: str) -> str:
        return subprocess.run([*command, option], capture_output=True, text=True, check=True, timeout=120).stdout

    assert cache("--build").startswith(f"in use: {ready_folder}")
    assert re.fullmatch(rf"\d+ MB removed from {ready_folder}\n", cache("--clear"))
    assert not list(ready_folder.glob("*"))
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 2
