"""Private files: folders that hold people's data, readable by their owner alone."""

import os
from pathlib import Path
from typing import IO

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def private_folder(path: Path) -> Path:
    """The folder, made where it is missing, closed to everybody else."""
    path.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    path.chmod(FOLDER_MODE)
    return path


def private_file(path: Path, encoding: str = "utf-8") -> IO[str]:
    """``path`` opened for writing text, readable by its owner only from the first byte on."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "w", encoding=encoding, newline="")


def close_to_others(folder: Path) -> None:
    """Close a folder and everything in it. What goes away meanwhile is passed over."""
    for here, folders, files in os.walk(private_folder(folder)):
        for names, mode in ((folders, FOLDER_MODE), (files, FILE_MODE)):
            for name in names:
                path = Path(here) / name
                if path.is_symlink():
                    continue
                try:
                    path.chmod(mode)
                except FileNotFoundError:
                    continue
