"""Give copies of utterances the values that the utterances have in tables.

python -m steps_py.stages.copy_values --utt2copies data/dev_copies/utt2copies \\
    --tables data/dev/feats.scp data/dev/vad.scp --out data/dev_copies
"""

import argparse
from pathlib import Path

from steps_py.data.data_dir import read_table, write_tables
from steps_py.errors import DataDirError, some
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utt2copies", required=True, help="utterance -> its copies")
    parser.add_argument("--tables", nargs="+", required=True, help="tables of the utterances")
    parser.add_argument("--out", required=True, help="folder of the tables of the copies")
    args = parser.parse_args(argv)

    copies_of = {utt: names.split() for utt, names in read_table(args.utt2copies).items()}
    tables = {}
    for path in args.tables:
        values = read_table(path)
        lost = sorted(copies_of.keys() - values.keys())
        if lost:
            raise DataDirError(
                f"{path}: {len(lost)} of {len(copies_of)} utterances are not in it ({some(lost)})."
            )
        tables[Path(args.out, Path(path).name)] = {
            name: values[utt] for utt, names in copies_of.items() for name in names
        }
    write_tables(tables)


if __name__ == "__main__":
    run(main)
