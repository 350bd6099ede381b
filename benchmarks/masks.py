"""The cost of masks: a full batch with the lengths of its utterances given, and without them."""

from benchmarks.extraction import SYSTEMS
from benchmarks.harness import Case

NUM_BATCHES = 5


def make_inputs(folder, scale=1.0):
    num_batches = max(int(NUM_BATCHES * scale), 1)
    (folder / "num_batches").write_text(str(num_batches))


def cases():
    def argv(mode):
        return "python3", "-m", "benchmarks.masked_batches", mode, *SYSTEMS

    return [
        Case(
            name=f"{NUM_BATCHES} forward passes of each of {len(SYSTEMS)} networks",
            argv=argv("lengths"),
            rival=argv("none"),
            rival_name="without lengths",
            ratio_to="without lengths",
            at_most_ratio=1.1,
        )
    ]
