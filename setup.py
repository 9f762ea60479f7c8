"""The wheel: it holds what a run reads beside its code (dbt project, suites, sample, settings).

In the clone these lie in the root, where a reader looks for them; in the wheel below
``dagster_project/shipped``. Everything else about the package stands in ``pyproject.toml``.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = ("dbt", "expectations", "data/sample/landing", "dagster.yaml")
LEFT_OUT = shutil.ignore_patterns("target", "logs", "lint_context", "__pycache__", ".*")


class BuildWithProject(build_py):
    """build_py, and the shipped files beside the modules."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        shipped = Path(self.build_lib) / "dagster_project" / "shipped"
        shutil.rmtree(shipped, ignore_errors=True)
        for name in SHIPPED:
            source, target = ROOT / name, shipped / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=LEFT_OUT)
            else:
                shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithProject})
