"""The training engine, fed from archives, beside its own model on one batch that is at hand."""

from benchmarks.harness import Case
from benchmarks.train_steps import BATCH_SIZE
from benchmarks.training_inputs import NUM_SPEAKERS, UTTS_PER_SPEAKER, write_training_chunks

NUM_EPOCHS = 2


def make_inputs(folder, scale=1.0):
    write_training_chunks(folder, scale)


def cases():
    def argv(mode):
        return ("python3", "-m", "benchmarks.train_steps", mode, str(NUM_EPOCHS), "chunks")

    num_steps = NUM_EPOCHS * -(-NUM_SPEAKERS * UTTS_PER_SPEAKER // BATCH_SIZE)
    return [
        Case(
            name=f"{num_steps} training steps of {BATCH_SIZE} chunks of 2 s, TDNN 256/768",
            argv=argv("engine"),
            rival=argv("ceiling"),
            rival_name="one resident batch",
            ratio_to="one resident batch",
            at_most_ratio=1 / 0.9,
        )
    ]
