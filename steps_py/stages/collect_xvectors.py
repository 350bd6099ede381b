"""Join the sets that the steps of scoring systems are trained on.

python -m steps_py.stages.collect_xvectors --xvectors exp/xvectors/train/xvector.scp \
    --utt2spk data/train/utt2spk --out exp/backend
"""

import argparse
from pathlib import Path

from steps_py.data.data_dir import join_tables, spk2utt_of, write_table
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--xvectors", nargs="+", required=True)
    parser.add_argument("--utt2spk", nargs="+", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    cure = "Name each set once in backend.train_sets."
    xvectors, utt2spk = join_tables(args.xvectors, cure), join_tables(args.utt2spk, cure)
    utt2spk = {utt: utt2spk[utt] for utt in sorted(xvectors)}

    out = Path(args.out)
    write_table(out / "xvector.scp", sorted(xvectors.items()))
    write_table(out / "utt2spk", utt2spk.items())
    write_table(out / "spk2utt", spk2utt_of(utt2spk).items())


if __name__ == "__main__":
    run(main)
