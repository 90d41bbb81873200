"""The private folders sonar keeps its files in, made or checked, with the reason when that fails."""

import os
from pathlib import Path

from amalfa.errors import AmalfaError
from amalfa.paths import Places, make_private_folder


def prepare_folders(places: Places) -> None:
    """Make sure that the project's folder and its `logs` exist, are ours, and are closed to others.

    A filesystem without modes is lived with: the socket then moves to a folder that can be closed. Raises
    AmalfaError for anything else.
    """
    for folder in (places.folder, places.log.parent):
        _prepare(folder)


def _prepare(folder: Path) -> None:
    try:
        make_private_folder(folder)
    except OSError as error:
        if isinstance(error, PermissionError) and folder.is_dir() and folder.stat().st_uid == os.getuid():
            return
        raise AmalfaError(
            f"Sonar cannot keep its files in {folder}: {error.strerror}.", hint="set AMALFA_HOME to another folder"
        ) from error
