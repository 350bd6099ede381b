"""Prepare enrolments of several utterances as a data directory whose keys are models.

python -m steps_py.stages.prepare_models --models conf/models --data data/dev --out data/models
"""

import argparse
import json

from steps_py.data.corpora import load_corpus
from steps_py.data.data_dir import read_table
from steps_py.data.models import read_models, write_models
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", help="lines <model> <utterance> ...")
    parser.add_argument("--corpus", help="or a corpus, a key of data.corpora")
    parser.add_argument("--list", help="which of its lists of models")
    parser.add_argument("--options", type=json.loads, help="its entry, as JSON")
    parser.add_argument("--data", required=True, help="the data directory of the utterances")
    parser.add_argument("--out", required=True, help="the data directory to write")
    args = parser.parse_args(argv)

    utts_of, where = read_models(args.models) if args.models else None, args.models
    if args.corpus:
        where = f"{args.corpus}.{args.list}"
        known = read_table(f"{args.data}/utt2spk")
        utts_of = load_corpus(args.corpus, args.options).model_utts(args.list, known)
    print(f"{args.out}: {write_models(utts_of, args.data, args.out, where)} models")


if __name__ == "__main__":
    run(main)
