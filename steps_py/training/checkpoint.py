"""Checkpoints of a training: whole, checked, and only ever resumed by the same training.

Each training keeps its files in a folder named after its settings: changed settings begin
anew and leave the old checkpoints where they are, and who changes back goes on from them.
A file is a SHA-256 digest and what torch.save made: a copy that broke is noticed.
"""

import hashlib
import io
import json
import shutil
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
        Shared by trainings of all settings.
    settings : dict
        JSON-like and flat; whatever makes the training come out different.
    keep : int
        Files that are kept; the oldest go.
    steps_per_epoch : int, optional
        The newest file at an epoch's start is kept as well: to roll back to.
    say : callable
        Told what is not used, and why.
    """

    def __init__(self, folder, settings, keep=2, steps_per_epoch=None, say=print):
        text = json.dumps(settings, sort_keys=True, default=list)
        self._root = Path(folder)
        self._settings = json.loads(text)
        self._folder = self._root / hashlib.sha256(text.encode()).hexdigest()[:12]
        self._keep, self._steps_per_epoch, self._say = keep, steps_per_epoch, say

    def paths(self):
        """The files of this training, newest first."""
        return sorted(self._folder.glob("step-*.pt"), reverse=True)

    def save(self, step, state):
        """Write `state` (tensors and plain values), then remove what is too old."""
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

    def load(self):
        """The newest sound state, or None; says what it passes over."""
        for path in self.paths():
            state = self._read(path)
            if state is not None:
                self._say(f"train: resumes from {path}")
                return state
        self._say_what_differs()
        return None

    def load_epoch_start(self):
        """The newest sound state at an epoch's start, or None; later files are removed."""
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
        self._say(f"train: {path} is damaged and not used")
        return None

    def clear(self):
        """Remove all checkpoints, of other settings too: the training is finished."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _say_what_differs(self):
        others = [p for p in self._root.glob("*/settings.json") if p.parent != self._folder]
        if self.paths():
            self._say("train: no checkpoint can be used; training starts anew")
        for path in others[:1]:
            then = json.loads(path.read_text())
            changed = [
                f"{key} was {then.get(key)}, is {self._settings.get(key)}"
                for key in sorted(then.keys() | self._settings.keys())
                if then.get(key) != self._settings.get(key)
            ]
            self._say(
                f"train: the checkpoints in {path.parent} are of other settings"
                f" ({some(changed)}) and not used; training starts anew"
            )
