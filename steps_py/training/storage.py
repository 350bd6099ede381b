"""Files of one training stage: its checkpoints, and its rows of epochs.tsv."""

from collections.abc import Callable
from pathlib import Path

from steps_py.training.checkpoint import Checkpoints
from steps_py.training.non_finite import divergence_error
from steps_py.training.progress import write_epochs
from steps_py.training.tensorboard import write_events
from steps_py.training.trainer import Trainer


class Storage:
    """Saves and restores the state of a Trainer; only the first process touches files.

    Parameters
    ----------
    folder : path
        Of the stage's checkpoints, below ``out_dir/checkpoints``.
    trainer : Trainer
    rows_before : list of dict
        Rows of epochs.tsv of the stages before.
    log : callable
        Called with each message.
    """

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        rows_before: list[dict],
        log: Callable[[str], object],
    ):
        self._trainer, self._rows_before, self._log = trainer, rows_before, log
        self._out_dir = folder.parents[1]
        self._checkpoints = Checkpoints(
            folder,
            trainer.settings,
            keep=trainer.config.keep_checkpoints,
            steps_per_epoch=trainer.steps_per_epoch,
            log=log,
        )

    def resume(self) -> None:
        """Restore the newest checkpoint; without one, start the training and write the first."""
        group = self._trainer.group
        state = group.broadcast_object(self._checkpoints.load() if group.is_first else None)
        if state:
            self._trainer.restore(state)
            self.write_epochs()
            if len(state["random"]) != group.num_processes:
                self._log(
                    f"train: the checkpoint was written by {len(state['random'])} processes and is"
                    f" resumed by {group.num_processes}: the result is not bit-identical to that"
                    " of either number alone"
                )
        else:
            self._trainer.start()
            self.save()  # to roll back to

    def save(self) -> None:
        """Write a checkpoint, unless the weights are not finite."""
        state = self._trainer.state()
        if self._trainer.group.is_first and self._trainer.is_finite():
            self._checkpoints.save(self._trainer.step, state)
        self._trainer.group.broadcast_object(None)  # wait until it is written

    def roll_back(self) -> None:
        """Restart the epoch with half the learning rate.

        Raises StepsError after train.max_rollbacks rollbacks, or without a checkpoint to restore.
        """
        trainer = self._trainer
        if trainer.rollbacks == trainer.config.max_rollbacks:
            raise divergence_error(trainer)
        group = trainer.group
        state = group.broadcast_object(
            self._checkpoints.load_epoch_start() if group.is_first else None
        )
        if state is None:
            raise divergence_error(trainer)
        trainer.roll_back(state)
        self.save()

    def write_epochs(self) -> None:
        """Write epochs.tsv and the TensorBoard curves."""
        if self._trainer.group.is_first:
            rows = self._rows_before + self._trainer.rows
            write_epochs(self._out_dir / "epochs.tsv", rows)
            write_events(self._out_dir / "tensorboard" / "events.out.tfevents.sidewinder", rows)
