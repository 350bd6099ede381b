"""What a training reports: its size, a progress bar, a line and a table row per epoch."""

import sys
from pathlib import Path

from tqdm import tqdm

from steps_py.files import atomic_write
from steps_py.training.trainer import COLUMNS, TERM_PREFIX, Trainer


def progress_bar(trainer: Trainer) -> tqdm:
    """A progress bar for the epoch, refreshed less often in a log file."""
    return tqdm(
        desc=f"epoch {trainer.epoch + 1}/{trainer.config.num_epochs}",
        total=trainer.steps_per_epoch,
        initial=trainer.step % trainer.steps_per_epoch,
        unit="step",
        leave=False,
        mininterval=0.2 if sys.stderr.isatty() else 10,
        disable=not trainer.group.is_first,
    )


def update(bar: tqdm, trainer: Trainer) -> None:
    """Advance the bar by a step and show loss, accuracy and speed."""
    loss, accuracy = trainer.means()
    speed = (bar.format_dict["rate"] or 0) * trainer.config.batch_size
    shown = [f"loss {loss:.3f}", percent("accuracy", accuracy, 1), f"{speed:.0f} examples/s"]
    bar.set_postfix_str(", ".join(filter(None, shown)), refresh=False)
    bar.update()


def percent(name: str, fraction: float | None, digits: int = 2) -> str:
    """A named percentage; the empty string for None.

    >>> percent("EER", 0.0512)
    'EER 5.12 %'
    """
    return "" if fraction is None else f"{name} {100 * fraction:.{digits}f} %"


def describe(trainer: Trainer) -> str:
    """One line on the data, the network, the steps and the device of a training."""
    num_weights = sum(p.numel() for p in trainer.network.model.parameters())
    config, num_processes = trainer.config, trainer.group.num_processes
    processes = f"{num_processes} processes on " if num_processes > 1 else ""
    stage = f" stage {trainer.stage}:" if trainer.stage > 1 else ""
    return (
        f"train:{stage} {trainer.describe_data()}, {num_weights} weights,"
        f" {config.num_epochs} epochs of {trainer.steps_per_epoch} steps of {config.batch_size}"
        f" chunks, on {processes}{trainer.network.device} in {trainer.network.precision}"
    )


def describe_epoch(trainer: Trainer) -> str:
    """One line on the last complete epoch."""
    row = trainer.rows[-1]
    held_out = [
        "" if row["valid_loss"] is None else f"{row['valid_loss']:.4f}",
        percent("accuracy", row["valid_accuracy"]),
        percent("EER", row["valid_eer"]),
    ]
    held_out = ", ".join(filter(None, held_out))
    terms = {key: row[key] for key in row if key.startswith(TERM_PREFIX) and row[key] is not None}
    training = [
        f"loss {row['train_loss']:.4f}",
        *(f"{key.removeprefix(TERM_PREFIX)} {value:.4f}" for key, value in terms.items()),
        percent("accuracy", row["train_accuracy"]),
        f"{row['skipped_steps']} steps skipped" if row["skipped_steps"] else "",
    ]
    return (
        f"train: epoch {row['epoch']} of {trainer.config.num_epochs}:"
        f" {', '.join(filter(None, training))}{'; held out: ' if held_out else ''}{held_out};"
        f" lr {row['lr']:.3g}, {row['examples_per_sec']:.1f} examples/s"
    )


def warnings_of_epoch(trainer: Trainer) -> list[str]:
    """Lines about the last complete epoch that a user should see."""
    row, terms = trainer.rows[-1], trainer.network.terms
    means = {name: row[f"{TERM_PREFIX}{name}"] for name in terms.columns}
    return [f"WARNING: epoch {row['epoch']}: {line}" for line in terms.warnings(means)]


def write_epochs(path: str | Path, rows: list[dict]) -> None:
    """Write epochs.tsv; the field of a value that does not exist is empty.

    The values of objectives are before the two columns of speed and time.
    """

    def text(value):
        return "" if value is None else f"{value:.6g}"

    terms = dict.fromkeys(key for row in rows for key in row if key.startswith(TERM_PREFIX))
    columns = [*COLUMNS[:-2], *terms, *COLUMNS[-2:]]
    with atomic_write(path) as out:
        out.write("\t".join(columns) + "\n")
        out.writelines("\t".join(text(row.get(name)) for name in columns) + "\n" for row in rows)
