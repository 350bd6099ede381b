"""Copy the voice decisions of clean utterances to their augmented copies.

python -m steps_py.stages.borrow_clean_vad --vad data/train/vad.scp \
    --utt2uniq data/train_augmented/utt2uniq --out data/train_augmented/vad.scp
"""

import argparse

from steps_py.data.data_dir import read_table, write_table
from steps_py.errors import DataDirError, some
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vad", required=True, help="vad.scp of the clean utterances")
    parser.add_argument("--utt2uniq", required=True, help="copy -> clean utterance")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    vad, original = read_table(args.vad), read_table(args.utt2uniq)
    lost = [copy for copy, utt in original.items() if utt not in vad]
    if lost:
        raise DataDirError(
            f"{args.utt2uniq}: the originals of {len(lost)} copies are not in {args.vad}"
            f" ({some(lost)}). Make the augmented set again: snakemake -R augment_data"
        )
    write_table(args.out, ((copy, vad[utt]) for copy, utt in original.items()))


if __name__ == "__main__":
    run(main)
