"""PLDA: training, and 580,000 trials, vectors and scores as text."""

from benchmarks import inputs
from benchmarks.harness import Case

NUM_VECTORS, NUM_TRIALS, DIM = 4874, 580_000, 200
NUM_TRAIN_SPEAKERS, UTTS_PER_SPEAKER = 200, 16


def make_inputs(folder, scale=1.0):
    dim = max(int(DIM * scale), 2)
    speakers = [f"spk{number:03d}" for number in range(max(int(NUM_TRAIN_SPEAKERS * scale), 4))]
    utts_of = {spk: [f"{spk}-{n:02d}" for n in range(UTTS_PER_SPEAKER)] for spk in speakers}
    inputs.write_lines(
        folder / "spk2utt", [f"{spk} {' '.join(utts)}" for spk, utts in utts_of.items()]
    )
    all_utts = [utt for utts in utts_of.values() for utt in utts]
    inputs.write_speaker_vectors(folder / "train.ark", all_utts, dim, text=False)

    tests = [f"id{n % 40:02d}-{n:05d}" for n in range(max(int(NUM_VECTORS * scale), 4))]
    inputs.write_speaker_vectors(folder / "test.txt", tests, dim, text=True)
    pairs_L2 = inputs.rng_of("trials").integers(0, len(tests), (int(NUM_TRIALS * scale), 2))
    inputs.write_lines(folder / "trials", [f"{tests[a]} {tests[b]}" for a, b in pairs_L2.tolist()])
    inputs.run_ours(folder, "ivector-compute-plda", "ark:spk2utt", "ark:train.ark", "plda")


def cases():
    vectors = "ark:test.txt"
    return [
        Case(
            name="ivector-plda-scoring, 580,000 trials, text",
            argv=(
                *("ivector-plda-scoring", "--normalize-length=true", "plda"),
                *(vectors, vectors, "trials", "scores"),
            ),
            at_most_sec=0.7,
        ),
        Case(
            name="ivector-compute-plda, 3,200 x 200",
            argv=("ivector-compute-plda", "ark:spk2utt", "ark:train.ark", "trained"),
            at_most_sec=0.5,
        ),
    ]
