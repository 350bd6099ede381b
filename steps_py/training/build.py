"""Builds the Trainers of a recipe: one for each of ``train.stages``."""

from collections.abc import Callable, Sequence

from steps_py.chunks.allocation import Chunks
from steps_py.training.config import Sections, split_stages
from steps_py.training.initial_weights import check_heads
from steps_py.training.processes import ProcessGroup
from steps_py.training.trainer import Trainer

TrainerBuilder = Callable[[Trainer | None], Trainer]


def trainer_builders(
    sections: Sections,
    chunks: Sequence[Chunks],
    group: ProcessGroup | None = None,
    speakers: list[str] | None = None,
    log: Callable[[str], object] = print,
) -> list[TrainerBuilder]:
    """For each stage a function ``build(previous) -> Trainer``; `previous` is None for the first.

    Parameters
    ----------
    sections : Sections
    chunks : (Chunks, Chunks, Chunks)
        Training utterances, held-out utterances, utterances of held-out speakers.
    group : ProcessGroup, optional
        The processes that train together; by default this process alone.
    speakers : list of str, optional
        Name of each speaker id; stored in head.pt.
    log : callable
        Called with each message; on the first process only.
    """
    group = group or ProcessGroup()

    def builder(stage_sections, new_head):
        def build(previous):
            return Trainer(
                stage_sections,
                *chunks,
                group=group,
                speakers=speakers,
                previous=previous,
                new_head=new_head,
                log=log if group.is_first else str,
            )

        return build

    stages = split_stages(sections)
    check_heads(stages)
    return [builder(*stage) for stage in stages]
