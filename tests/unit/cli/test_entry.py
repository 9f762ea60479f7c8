"""A signal ends every command in a sentence, whatever DuckDB, Python or an import made of it."""

import os
import signal
import subprocess
import sys

import pytest

from dagster_project.settings import PROJECT_ROOT
from tests.soak import SOAK

CALLS = 40 if SOAK else 4

# A command in the place of the real ones; ``ctrl_c`` as a person presses it a moment later.
PROGRAM = """
import os, signal, sys, threading, types
import duckdb
from dagster_project.cli.entry import main

def ctrl_c(moment):
    threading.Timer(moment, os.kill, (os.getpid(), signal.SIGINT)).start()

def query():
    ctrl_c(0.3)
    duckdb.sql("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b").fetchall()

# As operations on texts are in privacy/: called by DuckDB's threads, in many of which it ends.
def function():
    con = duckdb.connect()
    con.create_function("slow", lambda n: n if sum(range(1000)) else None, ["BIGINT"], "BIGINT")
    con.sql("SELECT slow(1)").fetchall()  # What DuckDB imports for it.
    ctrl_c(0.5)
    con.sql("SELECT sum(slow(range)) FROM range(100000000)").fetchall()

def no_signal():
    raise RuntimeError("a fault of ours")

module = types.ModuleType("dagster_project.cli.app")
def app(standalone_mode, obj):
    obj.leaves = "nothing was changed"
    globals()[sys.argv[1]]()
module.app = app
sys.modules[module.__name__] = module
main()
"""


def ended(how: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("how", ["query", *["function"] * CALLS])
def test_ctrl_c_in_a_query_is_a_sentence(how):
    """DuckDB makes an error of its own of Ctrl-C: the person sees a stack trace and exit code 1, or
    a process that aborts (about one function in six)."""
    assert ended(how) == (130, "hourglass: stopped by Ctrl-C; nothing was changed.\n")


def test_a_fault_is_no_stop():
    """A fault of the product is told as a stop that nobody asked for, and is never found."""
    code, said = ended("no_signal")
    assert code == 1
    assert "Traceback" in said
    assert "a fault of ours" in said


def test_ctrl_c_while_the_commands_are_imported(tmp_path):
    """Somebody who mistyped presses Ctrl-C at once, and gets a stack trace of imports."""
    slow = tmp_path / "typer.py"
    slow.write_text("print('at it', flush=True)\nimport time\ntime.sleep(30)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster_project.cli", "versions"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT_ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "at it\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "hourglass: stopped by Ctrl-C.\n")
