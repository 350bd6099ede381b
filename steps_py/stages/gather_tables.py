"""Join the parts of a table in order and prove that no key was lost on the way.

python -m steps_py.stages.gather_tables --archives --keys data/train/wav.scp \
    --out data/train/feats.scp exp/feats/train/feats.1-of-2.scp exp/feats/train/feats.2-of-2.scp
"""

import argparse

from steps_py.data.sets import gather_tables
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", required=True, help="table that has the keys to expect")
    parser.add_argument("--out", required=True)
    parser.add_argument(
        "--archives", action="store_true", help="check the archives behind these script files"
    )
    parser.add_argument("parts", nargs="+", help="in the order in which split_table made them")
    args = parser.parse_args(argv)

    check = None
    if args.archives:
        # start-up time: other tables do not need numpy
        from steps_py.formats.archive_checks import check_archives as check
    gather_tables(args.parts, args.keys, args.out, check)


if __name__ == "__main__":
    run(main)
