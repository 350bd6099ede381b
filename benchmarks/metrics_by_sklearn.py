"""EER and minDCF with scikit-learn's ROC, of files that are read line by line.

    python -m benchmarks.metrics_by_sklearn trials scores [utt2spk num_draws]

With utt2spk the ROC is computed again for each draw of speakers, with a weight for each trial.
"""

import sys

import numpy as np
from sklearn.metrics import roc_curve


def main():
    trials, scores, *more = sys.argv[1:]
    label_of = {}
    with open(trials) as lines:
        for line in lines:
            enroll, test, label = line.split()
            label_of[enroll, test] = int(label == "target")
    pairs, labels, values = [], [], []
    with open(scores) as lines:
        for line in lines:
            enroll, test, score = line.split()
            pairs.append((enroll, test))
            labels.append(label_of[enroll, test])
            values.append(float(score))
    if not more:
        print(measure(labels, values, None))
        return
    utt2spk, num_draws = more
    with open(utt2spk) as lines:
        spk_of = dict(line.split() for line in lines)
    speakers = sorted(set(spk_of.values()))
    rng = np.random.default_rng(0)
    for _ in range(int(num_draws)):
        drawn = rng.choice(speakers, len(speakers))
        times = dict(zip(*np.unique(drawn, return_counts=True), strict=True))
        weights = [weight(times, spk_of[enroll], spk_of[test]) for enroll, test in pairs]
        print(measure(labels, values, weights))


def weight(times, first, second):
    if first == second:
        return times.get(first, 0)
    return times.get(first, 0) * times.get(second, 0)


def measure(labels, scores, weights):
    """EER, and minDCF at 0.01 and 0.001."""
    fpr, tpr, _ = roc_curve(labels, scores, sample_weight=weights)
    fnr = 1 - tpr
    place = np.nanargmin(np.abs(fnr - fpr))
    costs = [min(fnr * p + fpr * (1 - p)) / min(p, 1 - p) for p in (0.01, 0.001)]
    return (fpr[place] + fnr[place]) / 2, *costs


if __name__ == "__main__":
    main()
