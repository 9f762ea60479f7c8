"""What installs and starts Hourglass elsewhere: container, compose, Kubernetes, systemd."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from dagster_project.cli.app import app
from dagster_project.settings import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
LOCKS = sorted(PROJECT_ROOT.glob("requirements*.lock"))


def pins(lock: Path) -> list[tuple[str, str, int]]:
    """(package, version, number of its hashes) of each entry: other Pythons have their own."""
    found = []
    for entry in lock.read_text().replace("\\\n", " ").splitlines():
        if entry.strip():
            package, _, rest = entry.partition("==")
            found.append((package, rest.split()[0], entry.count("--hash=")))
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_what_the_tests_ran_with(lock):
    """A server runs another version of a package than the one that was tested."""
    tested = {}
    for package, version, _ in pins(PROJECT_ROOT / "requirements.lock"):
        tested.setdefault(package, set()).add(version)
    assert tested
    for package, version, hashes in pins(lock):
        assert hashes > 0, package
        assert version in tested.get(package, {version}), package


def test_the_container_installs_locked_packages_alone():
    """An image is built of whatever is newest that day, or not at all: pip takes no constraints
    with hashes for a folder."""
    steps = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip install ([^&\n]+)", steps)
    assert len(installs) == 2
    for arguments in map(shlex.split, installs):
        if "-r" in arguments:
            assert "--require-hashes" in arguments
            assert (PROJECT_ROOT / arguments[arguments.index("-r") + 1]) in LOCKS
        else:
            assert {"--no-deps", "--no-build-isolation", "."} <= set(arguments)


def commands() -> Iterator[tuple[str, list[str]]]:
    """(file, arguments of ``hourglass``) of everything that deploy/ starts."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        if name != "postgres":
            yield f"compose {name}", service["command"]
    for document in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()):
        for container in _containers(document):
            if "hourglass" in container["image"]:
                yield f"kubernetes {container['name']}", container.get("args", ["run"])
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        for line in re.findall("^ExecStart=(.+)$", unit.read_text(), re.MULTILINE):
            yield unit.name, shlex.split(line)[1:]


def _containers(part: object) -> Iterator[dict]:
    if isinstance(part, dict):
        yield from part.get("containers", [])
        for value in part.values():
            yield from _containers(value)
    elif isinstance(part, list):
        for value in part:
            yield from _containers(value)


def test_what_is_started_is_a_command_that_there_is():
    """A service is started in a loop with an option that was renamed."""
    found = list(commands())
    assert {name.split()[0] for name, _ in found} >= {"compose", "kubernetes"}
    known = typer.main.get_command(app).commands
    for name, (command, *arguments) in found:
        # Read as the command line reads it, and not carried out.
        known[command].make_context(name, list(arguments))
