"""Turn a corpus's trial list into `enroll test target|nontarget`, every key known.

python -m steps_py.stages.prepare_trials --name voxceleb1 --list vox1_clean \
    --options '{"root": "/corpora/voxceleb1"}' --enroll data/vox1_test/utt2spk \
    --test data/vox1_test/utt2spk --out data/trials/vox1_clean
"""

import argparse
import json

from steps_py.data.corpora import load_corpus
from steps_py.data.data_dir import read_table
from steps_py.data.trial_checks import check_trials
from steps_py.data.trials import write_trials
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="the corpus, a key of data.corpora")
    parser.add_argument("--list", required=True, help="which of its lists")
    parser.add_argument("--options", type=json.loads, required=True, help="its entry, as JSON")
    parser.add_argument("--enroll", required=True, help="utt2spk of the enrolment set")
    parser.add_argument("--test", required=True, help="utt2spk of the test set")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    corpus = load_corpus(args.name, args.options)
    enroll, test = read_table(args.enroll), read_table(args.test)
    where = f"{args.name}.{args.list}"
    trials = corpus.trials(args.list, {*enroll, *test})
    trials, notes = check_trials(trials, enroll, test, where, corpus)
    write_trials(args.out, trials)

    for note in notes:
        print(note)
    num_targets = int(trials.target_T.sum())
    print(f"{where}: {num_targets} target and {len(trials) - num_targets} nontarget trials")


if __name__ == "__main__":
    run(main)
