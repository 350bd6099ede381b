"""Join the sets that the back-end is trained on, and see that LDA can be estimated.

python -m steps_py.stages.collect_xvectors --xvectors exp/xvectors/train/xvector.scp \
    --utt2spk data/train/utt2spk --lda-dim 200 --max-lda-dim 512 --out exp/backend
"""

import argparse
from pathlib import Path

from steps_py.data.data_dir import join_tables, write_table
from steps_py.errors import BackendError
from steps_py.files import atomic_write
from steps_py.stages import run


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xvectors", nargs="+", required=True)
    parser.add_argument("--utt2spk", nargs="+", required=True)
    parser.add_argument("--lda-dim", type=int, required=True, help="0: all the speakers span")
    parser.add_argument("--max-lda-dim", type=int, required=True, help="of the x-vectors")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    cure = "Name each set once in backend.train_sets."
    xvectors, utt2spk = join_tables(args.xvectors, cure), join_tables(args.utt2spk, cure)
    spk2utt = {}
    for utt in sorted(xvectors):
        spk2utt.setdefault(utt2spk[utt], []).append(utt)
    check_enough(len(xvectors), args.max_lda_dim)
    lda_dim = choose_lda_dim(args.lda_dim, len(spk2utt), args.max_lda_dim)

    out = Path(args.out)
    with atomic_write(out / "lda_dim") as file:
        file.write(f"{lda_dim}\n")
    write_table(out / "xvector.scp", sorted(xvectors.items()))
    write_table(out / "utt2spk", ((utt, utt2spk[utt]) for utt in sorted(xvectors)))
    write_table(out / "spk2utt", ((spk, " ".join(utts)) for spk, utts in sorted(spk2utt.items())))


def check_enough(num_xvectors, dim):
    """Raise BackendError for fewer x-vectors than dimensions, which LDA refuses as Kaldi does."""
    if num_xvectors < dim:
        raise BackendError(
            f"backend: {num_xvectors} x-vectors of {dim} dimensions are too few for LDA. Set"
            f" model.embedding_dim to {num_xvectors} or less, or add train_augmented to"
            " backend.train_sets."
        )


def choose_lda_dim(lda_dim, num_speakers, max_lda_dim):
    """`lda_dim`, or for 0 the most there is; LDA of N speakers spans at most N - 1 directions.

    >>> choose_lda_dim(200, 7323, 512), choose_lda_dim(0, 7323, 512), choose_lda_dim(0, 40, 512)
    (200, 512, 39)
    """
    if num_speakers < 2:
        raise BackendError(
            "backend: the training sets hold one speaker only. LDA and PLDA need at least two."
        )
    if lda_dim > num_speakers - 1:
        raise BackendError(
            f"backend: lda_dim is {lda_dim}, but {num_speakers} speakers span"
            f" {num_speakers - 1} directions. Set backend.lda_dim to {num_speakers - 1} or less,"
            " or to null."
        )
    return lda_dim or min(num_speakers - 1, max_lda_dim)


if __name__ == "__main__":
    run(main)
