"""Progress of a run on the screen: a line per step. What it built is said by ``summary``."""

from typing import IO, Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

STAGES = {
    "load": "Load files",
    "staging_models": "Stage records (dbt)",
    "identity": "Resolve people",
    "mart_models": "Build marts (dbt)",
    "predictions": "Predict",
    "predicted_models": "Build marts with predictions (dbt)",
    "audience_marts": "Build audiences",
    "mart_checks": "Check marts",
    "gate_record": "Decide",
    "publish": "Publish and report",
}


class _Mark(SpinnerColumn):
    """A spinner while a step works, then whether it ended well."""

    def render(self, task: Task) -> RenderableType:
        if not task.finished:
            return super().render(task)
        return Text("✗", "red") if task.fields["is_failed"] else Text("✓", "green")


class Steps:
    """A line per step: a spinner while it works, its seconds when it is done.

    Where nobody watches (cron, a log file), one plain line when a step is done. On a terminal a
    thread draws until ``stop``, which must come before ``screen`` is closed: it draws the last
    state, ends its line and gives the cursor back.
    """

    def __init__(self, screen: IO[str]) -> None:
        self.screen = screen
        self.progress: Progress | None = None
        self.tasks: dict[str, Any] = {}

    def __call__(self, state: str, step: str, seconds: float) -> None:
        title = STAGES.get(step, step)
        if not self.screen.isatty():
            if state != "start":
                self.screen.write(f"{title}: {state}, {seconds:.1f} s\n")
                self.screen.flush()
            return
        if self.progress is None:
            self.progress = Progress(
                _Mark(),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=Console(file=self.screen),
                # Both already go to the log: taken over here, every line of it would be printed.
                redirect_stdout=False,
                redirect_stderr=False,
            )
            # Makes rich import its widths of characters here and not in the display's thread, which
            # an import that Ctrl-C cuts short would hold up or break.
            cell_len("✓")
            self.progress.start()
        if state == "start":
            self.tasks[step] = self.progress.add_task(title, total=1, is_failed=False)
        elif step in self.tasks:
            text = {"success": title, "skip": f"[dim]{title}: not needed[/]"}.get(
                state, f"[red]{title}: failed[/]"
            )
            self.progress.update(
                self.tasks[step], description=text, completed=1, is_failed=state == "failure"
            )

    def stop(self) -> None:
        if self.progress is not None:
            self.progress.stop()
