"""Programs that are started for a while."""

from __future__ import annotations

import subprocess


def end(process: subprocess.Popen[str], patience: float) -> None:
    """Tell a program to end; after so many seconds it has to. What it was going to say is dropped."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
