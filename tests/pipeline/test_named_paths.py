"""A path that a command names and that cannot be used is a sentence, whichever command it is."""

import inspect
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer

from dagster_project.cli import main
from dagster_project.cli.app import app
from dagster_project.operations.stopping import StopSignals
from tests.pipeline.conftest import Company, copied

# What stands around the path, by command and parameter.
CALLS = {
    ("check", "path"): "check {}",
    ("explain", "plot"): "explain {customer} --plot {}",
    ("export-marts", "folder"): "export-marts customers --folder {}",
    ("identity review", "answers"): "identity review --who Ann --import {}",
    ("identity review", "export"): "identity review --export {}",
    ("identity train", "out"): "identity train --out {}",
    ("init", "folder"): "init {}",
    ("mappings test", "file"): "mappings test shopify_orders {}",
    ("metric", "metricflow"): "metric --metricflow {}",
    ("quarantine export", "folder"): "quarantine export {}",
    ("quarantine replay", "path"): "quarantine replay {}",
    ("sample", "out"): "sample --customers 5 --months 1 --out {}",
    ("status", "metrics"): "status --prometheus {}",
}
READS = ("check", "mappings test", "quarantine replay", "identity review --who")
# Both say by 1 that something is wrong with the data.
ONE_IS_MEANT = ("check", "mappings", "status")


def path_parameters(command: Any, name: str = "") -> set[tuple[str, str]]:
    """(command, parameter) of each parameter that takes a path; the data directory is another's."""
    if hasattr(command, "commands"):
        return {
            found
            for each, below in command.commands.items()
            for found in path_parameters(below, f"{name} {each}".strip())
        }
    hints = get_type_hints(inspect.unwrap(command.callback))
    return {
        (name, parameter)
        for parameter, hint in hints.items()
        if Path in (hint, *get_args(hint)) and parameter != "data_dir"
    }


def test_every_path_that_a_command_takes_is_tried():
    """A new command that takes a path is not among those of the test below."""
    assert path_parameters(typer.main.get_command(app)) == set(CALLS)


def wrong_paths(folder: Path) -> dict[str, Path]:
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_bytes(b"\xff\xfe\x00\x81" * 100)
    return {
        "in a folder that is not there": folder / "no" / "file.csv",
        "a folder": folder / "folder",
        "no text": folder / "file",
        "below a file": folder / "file" / "below",
        "below what cannot be made": Path("/proc/none/file"),
        "no UTF-8 in the name": folder / "\udcff.csv",
        "too long": folder / ("x" * 300),
        "below a name that is too long": folder / ("x" * 300) / "file",
    }


def ended(words: list[str], monkeypatch) -> int | str:
    """The exit code of a command that is called in this process."""
    monkeypatch.setattr(sys, "argv", ["hourglass", *words])
    try:
        main()
    except SystemExit as left:
        return left.code or 0
    return "no exit"


@pytest.fixture(scope="module")
def company(company_after_run, tmp_path_factory) -> Company:
    """A copy: commands that open the warehouse to write would keep other tests from reading it."""
    return copied(company_after_run, tmp_path_factory.mktemp("named"))


@pytest.mark.parametrize("call", CALLS.values())
def test_a_wrong_path_is_a_sentence(company, call, tmp_path, monkeypatch, capsys):
    """A typing error in a path ends in a stack trace, which tells the person nothing."""
    [[customer]] = company.query("SELECT customer_id FROM customers LIMIT 1")
    monkeypatch.setenv("HOURGLASS_DATA_DIR", str(company.data_dir))
    monkeypatch.setattr(StopSignals, "install", lambda self: None)
    monkeypatch.chdir(tmp_path)
    for kind, path in wrong_paths(tmp_path / "wrong").items():
        words = [word.format(path, customer=customer) for word in call.split()]
        code = ended(words, monkeypatch)
        said = capsys.readouterr().err.strip()
        if code == 2:
            assert said.startswith("hourglass: "), kind
            assert "\n" not in said, kind
        else:
            assert code == 0 or (code == 1 and call.startswith(ONE_IS_MEANT)), (kind, said)
            assert not (call.startswith(READS) and kind.startswith("in a folder")), kind
