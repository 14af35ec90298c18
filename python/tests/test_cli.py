"""`python -m jloop`: programs run unchanged, and the commands."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import jloop
import pytest

WHICH_LOOP = """\
import asyncio
async def main():
    return type(asyncio.get_running_loop()).__module__
"""


def command(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m jloop ARGUMENTS`."""
    return subprocess.run(
        [sys.executable, "-m", "jloop", *arguments],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class TestPrograms:
    def test_a_script_sees_itself_as_main(self, tmp_path: Path) -> None:
        script = tmp_path / "script.py"
        script.write_text("import sys\nprint(__name__, __file__, sys.argv, sys.path[0])\nsys.exit(3)\n")
        ended = command(str(script), "-m", "x", "--y")
        assert ended.stdout == f"__main__ {script} {[str(script), '-m', 'x', '--y']} {tmp_path}\n"
        assert (ended.returncode, ended.stderr) == (3, "")

    def test_a_module_sees_itself_as_main(self, tmp_path: Path) -> None:
        package = tmp_path / "package"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text("import sys\nprint(__name__, __spec__.name, sys.argv, sys.path[0])\n")
        ended = command("-m", "package", "doctor", "-x", cwd=tmp_path)
        main = package / "__main__.py"
        assert ended.stdout == f"__main__ package.__main__ {[str(main), 'doctor', '-x']} {tmp_path}\n", ended.stderr

    @pytest.mark.parametrize(
        "way",
        [
            "asyncio.run(main())",
            "asyncio.new_event_loop().run_until_complete(main())",
            "asyncio.SelectorEventLoop().run_until_complete(main())",
            "asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main())",
            "__import__('uvloop').new_event_loop().run_until_complete(main())",
            "__import__('uvloop.loop').loop.Loop().run_until_complete(main())",
            pytest.param(
                "asyncio.Runner().run(main())",
                marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="new in 3.11"),
            ),
            pytest.param(
                "asyncio.run(main(), loop_factory=asyncio.EventLoop)",
                marks=pytest.mark.skipif(sys.version_info < (3, 13), reason="new in 3.13"),
            ),
        ],
    )
    def test_every_way_to_a_loop_leads_to_jloop(self, way: str, tmp_path: Path) -> None:
        (tmp_path / "script.py").write_text(f"{WHICH_LOOP}\nprint({way})\n")
        ended = command("script.py", cwd=tmp_path, PYTHONWARNINGS="ignore")
        assert ended.stdout == "jloop._loop\n", ended.stderr

    def test_a_program_with_its_own_selector_keeps_asyncios_loop(self, tmp_path: Path) -> None:
        (tmp_path / "script.py").write_text(
            f"{WHICH_LOOP}\nimport selectors\n"
            "class Mine(asyncio.SelectorEventLoop): pass\n"
            "for loop in Mine(), asyncio.SelectorEventLoop(selectors.SelectSelector()):\n"
            "    assert isinstance(loop, asyncio.SelectorEventLoop)\n"
            "    print(loop.run_until_complete(main()))\n"
            "    loop.close()\n"
            "assert isinstance(asyncio.new_event_loop(), asyncio.SelectorEventLoop)\n"
            "assert not isinstance(asyncio.new_event_loop(), Mine)\n"
        )
        ended = command("script.py", cwd=tmp_path, PYTHONWARNINGS="ignore")
        assert ended.stdout == "__main__\nasyncio.unix_events\n", ended.stderr

    def test_unittests_isolated_asyncio_test_case(self, tmp_path: Path) -> None:
        (tmp_path / "test_it.py").write_text(
            f"{WHICH_LOOP}\nimport unittest\n"
            "class Test(unittest.IsolatedAsyncioTestCase):\n"
            "    async def test_loop(self):\n"
            "        self.assertEqual(await main(), 'jloop._loop')\n"
        )
        ended = command("-m", "unittest", "test_it", cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr

    def test_an_exception_ends_it_as_python_does(self, tmp_path: Path) -> None:
        (tmp_path / "script.py").write_text("raise LookupError('mine')\n")
        ended = command("script.py", cwd=tmp_path)
        assert ended.returncode == 1
        assert ended.stderr.endswith("LookupError: mine\n")

    def test_a_missing_script(self, tmp_path: Path) -> None:
        ended = command("missing.py", cwd=tmp_path)
        assert ended.returncode == 2
        assert "can't open file 'missing.py'" in ended.stderr


class TestCommands:
    def test_usage_and_version(self) -> None:
        assert command("--help").stdout.startswith("usage: python -m jloop SCRIPT")
        assert command("--version").stdout == f"jloop {jloop.__version__}\n"
        wrong = command("--nonsense")
        assert wrong.returncode == 2
        assert wrong.stderr.startswith("usage: ")

    def test_doctor_says_what_is_here(self) -> None:
        ended = command("doctor", JLOOP_JVM_OPTIONS="-Xmx72m")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        for text in (f"jloop {jloop.__version__}, {sys.executable}", "-> ", "-Xmx72m", "Start-up cache"):
            assert text in ended.stdout
        assert ended.stdout.endswith("\njloop works here\n")
        assert ended.stderr == ""

    @pytest.mark.parametrize(
        ("variable", "value", "reason"),
        [
            ("JLOOP_JAVA_HOME", "/nowhere", "JLOOP_JAVA_HOME: /nowhere: no such folder"),
            ("JLOOP_JVM_OPTIONS", "-XX:Nonsense", "does not start with JLOOP_JVM_OPTIONS=-XX:Nonsense"),
        ],
    )
    def test_doctor_fails_where_jloop_does_not_work(self, variable: str, value: str, reason: str) -> None:
        ended = command("doctor", **{variable: value})
        assert ended.returncode == 1
        assert reason in ended.stdout
        assert "jloop cannot be used here" in ended.stdout
        assert ended.stderr == ""


class TestAsPythonDoes:
    """Without `-m jloop` the same comes out."""

    def both(self, *arguments: str, cwd: Path, text: str | None = None) -> None:
        outputs = []
        for prefix in ((), ("-m", "jloop")):
            ended = subprocess.run(
                [sys.executable, *prefix, *arguments],
                cwd=cwd,
                capture_output=True,
                text=True,
                input=text,
                timeout=60,
                check=False,
            )
            outputs.append((ended.returncode, ended.stdout, ended.stderr))
        assert outputs[0] == outputs[1]

    def test_a_relative_script(self, tmp_path: Path) -> None:
        (tmp_path / "program.py").write_text(
            "import os, sys\nos.chdir('/')\n"
            "print(__name__, __file__, __package__, __spec__, __cached__, sys.argv, sys.path[0], __doc__)\n"
            "print(type(__loader__).__name__, type(__builtins__), sys.modules['__main__'].__dict__ is globals())\n"
        )
        self.both("program.py", "x", cwd=tmp_path)

    def test_a_script_that_is_no_program(self, tmp_path: Path) -> None:
        (tmp_path / "program.py").write_text("x = = 1\n")
        outputs = [command("program.py", cwd=tmp_path), command("program.py", cwd=tmp_path, PYTHONUTF8="1")]
        assert all("SyntaxError: invalid syntax" in ended.stderr for ended in outputs)
        assert all('program.py", line 1' in ended.stderr for ended in outputs)

    def test_standard_input(self, tmp_path: Path) -> None:
        program = "import sys; print(__name__, __file__, __package__, __spec__, sys.argv, repr(sys.path[0]))"
        self.both("-", "x", cwd=tmp_path, text=program)

    @pytest.mark.parametrize("module", ["nosuchmodule", "nosuchpackage.module"])
    def test_a_module_that_is_not_there(self, tmp_path: Path, module: str) -> None:
        self.both("-m", module, cwd=tmp_path)

    def test_a_compiled_program(self, tmp_path: Path) -> None:
        (tmp_path / "program.py").write_text("print(__name__, __file__, type(__loader__).__name__)\n")
        py_compile.compile(str(tmp_path / "program.py"), cfile=str(tmp_path / "compiled.pyc"))
        self.both("compiled.pyc", cwd=tmp_path)

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "app").mkdir()
        (tmp_path / "app/__main__.py").write_text("import sys; print(__name__, sys.argv)\n")
        self.both("app", "x", cwd=tmp_path)

    def test_standard_input_in_another_encoding(self, tmp_path: Path) -> None:
        program = "# coding: latin-1\nprint(ascii('\u00e9'))\n".encode("latin-1")
        ended = subprocess.run(
            [sys.executable, "-m", "jloop", "-"],
            cwd=tmp_path,
            input=program,
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert ended.stdout == b"'\\xe9'\n"

    def test_a_package_that_fails_says_where(self, tmp_path: Path) -> None:
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken/__init__.py").write_text("import missing_dependency\n")
        (tmp_path / "broken/module.py").write_text("")
        ended = command("-m", "broken.module", cwd=tmp_path)
        assert "broken/__init__.py" in ended.stderr
        assert ended.stderr.endswith("ModuleNotFoundError: No module named 'missing_dependency'\n")
