"""Checkpoints: written atomically, verified when read, resumed only with the same settings.

Checkpoints are kept in a folder named after the training's settings.  With changed settings
training starts from the beginning and keeps the old checkpoints; changed back, it resumes from
them.  A file is a SHA-256 digest followed by the output of torch.save, so damage is detected.
"""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import torch

from steps_py.errors import some
from steps_py.files import atomic_write

DIGEST_BYTES = 32


class Checkpoints:
    """The checkpoints in `folder` of the training with these `settings`.

    Parameters
    ----------
    folder : path
        Shared by trainings with any settings.
    settings : dict
        Flat and JSON-like; everything that the result depends on.
    keep : int
        Number of files to keep; older ones are removed.
    steps_per_epoch : int, optional
        If given, the newest file at the start of an epoch is kept as well, for rollbacks.
    log : callable
        Called with messages about files that are used or ignored.
    """

    def __init__(
        self,
        folder: str | Path,
        settings: dict,
        keep: int = 2,
        steps_per_epoch: int | None = None,
        log: Callable[[str], object] = print,
    ):
        text = json.dumps(settings, sort_keys=True, default=list)
        self._root = Path(folder)
        self._settings = json.loads(text)
        self._folder = self._root / hashlib.sha256(text.encode()).hexdigest()[:12]
        self._keep, self._steps_per_epoch, self._log = keep, steps_per_epoch, log

    def paths(self) -> list[Path]:
        """The files of this training, newest first."""
        return sorted(self._folder.glob("step-*.pt"), reverse=True)

    def save(self, step: int, state: dict) -> None:
        """Write `state` (tensors and plain values), then remove old files."""
        settings = self._folder / "settings.json"
        if not settings.exists():
            with atomic_write(settings) as out:
                json.dump(self._settings, out, indent=1, sort_keys=True)
        content = io.BytesIO()
        torch.save(state, content)
        with atomic_write(self._folder / f"step-{step:09d}.pt", "wb") as out:
            out.write(hashlib.sha256(content.getbuffer()).digest())
            out.write(content.getbuffer())
        for path in self.paths()[self._keep :]:
            if path not in self._epoch_starts()[:1]:
                path.unlink()

    def load(self) -> dict | None:
        """The newest undamaged state, or None; logs which files are ignored."""
        for path in self.paths():
            state = self._read(path)
            if state is not None:
                self._log(f"train: resuming from {path}")
                return state
        self._log_differences()
        return None

    def load_epoch_start(self) -> dict | None:
        """The newest undamaged state at the start of an epoch, or None; removes later files."""
        for path in self._epoch_starts():
            state = self._read(path)
            if state is not None:
                for later in self.paths():
                    if later.name > path.name:
                        later.unlink()
                return state
        return None

    def _epoch_starts(self):
        if not self._steps_per_epoch:
            return []
        steps = ((path, int(path.stem.partition("-")[2])) for path in self.paths())
        return [path for path, step in steps if step % self._steps_per_epoch == 0]

    def _read(self, path):
        content = path.read_bytes()
        digest, body = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        if hashlib.sha256(body).digest() == digest:
            return torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        self._log(f"train: {path} is damaged; it is ignored")
        return None

    def _log_differences(self):
        others = [p for p in self._root.glob("*/settings.json") if p.parent != self._folder]
        if self.paths():
            self._log("train: no checkpoint can be used; training starts from the beginning")
        for path in others[:1]:
            before = json.loads(path.read_text())
            changed = [
                f"{key} was {before.get(key)}, is {self._settings.get(key)}"
                for key in sorted(before.keys() | self._settings.keys())
                if before.get(key) != self._settings.get(key)
            ]
            self._log(
                f"train: the checkpoints in {path.parent} have other settings ({some(changed)});"
                " training starts from the beginning"
            )
