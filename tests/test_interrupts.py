"""Ctrl-C ends a stage in one line at any moment, and a reader of the results may go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pseudo_terminal import CTRL_C, ROOT, guarded, in_terminal

# A stage that says when it has begun, and what happens to it then.
_STAGE = """
import sys, time
sys.argv = ["ask", "hydra.run.dir=runs", "hydra.output_subdir=null"]
from medrag.cli import launch
from medrag.progress import progress

def stage(config):
    with progress("reading", 10, "files") as advance:
        advance(3)
        try:
            print("begun", file=sys.stderr, flush=True)
            time.sleep(30)
        {handler}

launch(stage)
"""
_HANDLERS = {
    "cleans up": "finally:\n            print('cleaned', file=sys.stderr)",
    "another error": "except KeyboardInterrupt:\n            raise ImportError('half imported')",
    "hidden": "except KeyboardInterrupt as error:\n            raise SystemExit(0) from error",
}


@pytest.mark.parametrize("stage", ["build_index", "build_dataset", "train", "evaluate", "ask"])
@pytest.mark.parametrize("after", [0.0, 0.2])
def test_ctrl_c_during_the_imports(stage: str, after: float, tmp_path: Path) -> None:
    session = in_terminal(["-m", f"medrag.{stage}"], [(guarded, ""), (after, CTRL_C)], tmp_path)
    assert session.text.replace("^C", "").strip("\r\n") == "stopped"
    assert session.status == 130


def test_the_installed_command_is_guarded_too(tmp_path: Path) -> None:
    script = tmp_path / "medrag"
    script.write_text("from medrag.__main__ import main\nmain()\n", encoding="utf-8")
    session = in_terminal([str(script), "evaluate"], [(guarded, ""), (0.1, CTRL_C)], tmp_path)
    assert (session.status, "Traceback" in session.text) == (130, False)


@pytest.mark.parametrize("handler", _HANDLERS)
def test_ctrl_c_in_a_stage(handler: str, tmp_path: Path) -> None:
    code = _STAGE.format(handler=_HANDLERS[handler])
    session = in_terminal(["-c", code], [("begun", CTRL_C)], tmp_path)
    assert session.status == 130
    assert "Traceback" not in session.text
    assert session.text.rstrip().splitlines()[-1].strip("\r") == (
        "stopped; finished work is saved, and the same command continues it"
    )
    assert ("cleaned" in session.text) is (handler == "cleans up")
    # The bar does not stay behind: its line is erased after the last time that it is drawn.
    assert session.raw.rindex("\x1b[2K") > session.raw.rindex("reading")


def test_an_error_without_ctrl_c_is_shown(tmp_path: Path) -> None:
    code = _STAGE.format(handler="finally:\n            pass").replace("time.sleep(30)", "1 / 0")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_a_program_that_only_uses_medrag_keeps_its_own_ctrl_c(tmp_path: Path) -> None:
    package = tmp_path / "other"
    package.mkdir()
    (package / "__init__.py").write_text("import medrag\n", encoding="utf-8")
    (package / "__main__.py").write_text(
        "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "other"],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.stdout == "True\n"


@pytest.mark.parametrize("arguments", [[], ["ask", "--help"], ["ask", "--cfg", "job"]])
def test_a_reader_may_go_before_anything_is_written(arguments: list[str], tmp_path: Path) -> None:
    nobody, end = os.pipe()
    os.close(nobody)
    done = subprocess.run(
        [sys.executable, "-m", "medrag", *arguments],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdout=end,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    os.close(end)
    assert done.stderr == ""
    assert done.returncode in (141, -signal.SIGPIPE)
