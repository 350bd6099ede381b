"""Make a trial list by a rule, from the speakers of two sets, and its checksum.

python -m steps_py.stages.make_trials --make '{"name": "one_versus", "num_impostors": 99}' \\
    --enroll data/test/utt2spk --test data/test/utt2spk --out data/trials/test
"""

import argparse
import json

from steps_py.data.corpora import load_corpus
from steps_py.data.data_dir import read_table
from steps_py.data.make_trials import make_trials, read_genders
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--make", type=json.loads, required=True, help="the rule, as JSON")
    parser.add_argument("--enroll", required=True, help="utt2spk of the enrolment set or models")
    parser.add_argument("--test", required=True, help="utt2spk of the test set")
    parser.add_argument("--models", nargs="*", default=[], help="spk2utt of the models")
    parser.add_argument("--genders", nargs="*", default=[], help="file of lines <speaker> f|m")
    parser.add_argument(
        "--corpora", type=json.loads, default={}, help="entries of the sets' corpora, as JSON"
    )
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    utts_of, genders = {}, {}
    for path in args.models:
        utts_of |= {model: utts.split() for model, utts in read_table(path).items()}
    for path in args.genders:
        genders |= read_genders(path)
    if not args.genders:
        for name, options in args.corpora.items():
            corpus = load_corpus(name, options)
            prefix = corpus.config.id_prefix
            genders |= {prefix + spk: gender for spk, gender in corpus.genders().items()}
    enroll, test = read_table(args.enroll), read_table(args.test)
    targets, others = make_trials(args.out, args.make, enroll, test, utts_of, genders or None)
    print(f"{args.out}: {targets} target and {others} nontarget trials")


if __name__ == "__main__":
    run(main)
