"""Room impulse responses in the layout of RIRS_NOISES (OpenSLR 28).

    <root>/simulated_rirs/<kind>/Room001/Room001-00001.wav
    <root>/simulated_rirs/<kind>/rir_list

The lines of ``rir_list`` name their wav from the folder that holds the corpus.
"""

import dataclasses
from pathlib import Path

from steps_py.draws import generator
from steps_py.files import atomic_write
from steps_py.synthesis.rooms import ROOM_SIZES_M, draw_position, draw_room, impulse_response
from steps_py.synthesis.waves import write_wav

RIRS_PER_ROOM = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class RirJob:
    """One response: the `number`-th (from 0) of a kind of rooms."""

    root: Path
    kind: str
    number: int
    seed: int

    @property
    def room(self) -> str:
        return f"Room{self.number // RIRS_PER_ROOM + 1:03d}"

    @property
    def path(self):
        name = f"{self.room}-{self.number % RIRS_PER_ROOM + 1:05d}.wav"
        return Path(self.root, "simulated_rirs", self.kind, self.room, name)


def rir_jobs(root: str | Path, num_rirs: int, seed: int):
    """`num_rirs` jobs for each kind of rooms."""
    return [
        RirJob(root=Path(root), kind=kind, number=number, seed=seed)
        for kind in ROOM_SIZES_M
        for number in range(num_rirs)
    ]


def make_rir(job) -> None:
    """Write one response."""
    size_m, reflection = draw_room(generator(job.seed, job.kind, job.room), job.kind)
    rng = generator(job.seed, job.kind, job.number)
    source_m, receiver_m = draw_position(rng, size_m), draw_position(rng, size_m)
    write_wav(job.path, impulse_response(size_m, reflection, source_m, receiver_m))


def write_rir_lists(jobs) -> None:
    """The ``rir_list`` of each kind, in the columns that Kaldi's recipes read."""
    lines = {}
    for job in jobs:
        wav = job.path.relative_to(job.root.parent)
        room = f"{job.kind.removesuffix('room')}-{job.room}"
        rir = f"{job.kind.removesuffix('room')}-{job.path.stem}"
        line = f"--rir-id {rir} --room-id {room} {wav}\n"
        lines.setdefault(job.path.parents[1], []).append(line)
    for folder, rirs in lines.items():
        with atomic_write(folder / "rir_list") as out:
            out.writelines(rirs)
