"""The package as a user installs it: a wheel in an environment of its own, without the clone."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from dagster_project.settings import PROJECT_ROOT

# What a wheel is built of.
SOURCES = ("dagster_project", "dbt", "expectations", "data/sample")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "dagster.yaml")
DBT = """#!{python}
from dbt.cli.main import cli
cli()
"""


def build_wheel(folder: Path) -> Path:
    """A wheel of the sources as they are, built away from them: a build leaves files behind."""
    source = folder / "source"
    for name in SOURCES:
        shutil.copytree(
            PROJECT_ROOT / name,
            source / name,
            ignore=shutil.ignore_patterns("__pycache__", "target", "logs"),
            dirs_exist_ok=True,
        )
    for name in FILES:
        shutil.copyfile(PROJECT_ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "dist")]
    built = subprocess.run(
        [*command, *options, str(source)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel


def install(folder: Path) -> Path:
    """The ``hourglass`` command of a new environment that holds the wheel.

    The dependencies are those of this environment, lent by a path file: the clone, which is linked
    into this environment by another, stays out.
    """
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    paths = {"base": str(environment), "platbase": str(environment)}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=paths))
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    wheel = build_wheel(folder)
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run(
        [*command, "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)],
        capture_output=True,
        check=True,
    )
    dbt = environment / "bin" / "dbt"
    dbt.write_text(DBT.format(python=python))
    dbt.chmod(0o755)
    return environment / "bin" / "hourglass"


def installed_files(command: Path) -> set[Path]:
    """Everything that lies in the installed package, but compiled modules."""
    [package] = command.parent.parent.glob("lib/python*/site-packages/dagster_project")
    return {path for path in package.rglob("*") if "__pycache__" not in path.parts}
