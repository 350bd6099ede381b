"""What the scoring commands do once their options are read: vectors, trials, score files.

Sources: src/ivectorbin/ivector-{plda-scoring,plda-scoring-dense,compute-dot-products}.cc.

Shape suffixes (scope: this module):
    E = enrolled speakers   T = test utterances   N = utterances of a recording
    L = trials of a block   D = dimension
"""

import math

import numpy as np

from steps_py.errors import KaldiError
from steps_py.formats.holders import INT
from steps_py.formats.log import Tally, log
from steps_py.formats.outputs import open_output
from steps_py.formats.specifiers import parse_rspecifier
from steps_py.formats.streams import open_input
from steps_py.formats.tables import RandomReader
from steps_py.formats.vector_tables import check_finite, read_vectors
from steps_py.formats.word_pairs import keep_lines, look_up, read_blocks, with_numbers

_TRIAL = "A trial is two keys; take them from a longer line with \"cut -d' ' -f1,2 trials |\"."
_NEAR_ALL = 0.998  # a target energy above means all dimensions, as in Kaldi


def score_by_plda(plda, options, enroll_in: str, test_in: str, files) -> int:
    """ivector-plda-scoring; `files` are the trials to read and the scores to write."""
    tally = Tally()
    (enroll_keys, enroll_ED), (test_keys, test_TD) = _read_sides(enroll_in, test_in)
    enroll_keys, enroll_ED, num_utts_E = _with_counts(
        options.num_utts, enroll_keys, enroll_ED, tally
    )
    for name, keys in ((enroll_in, enroll_keys), (test_in, test_keys)):
        if not keys:
            raise KaldiError(f"{name}: no iVectors present. Is the table empty?")
    enroll_ED = _transformed(plda, options, enroll_ED, num_utts_E, "training")
    test_TD = _transformed(plda, options, test_TD, 1, "test")

    from steps_py.backend.trial_scores import TrialScorer  # start-up time

    scorer = TrialScorer(enroll_ED, num_utts_E, test_TD, plda.psi_D)
    names = ("training iVectors", "test iVectors")
    totals = _score_lists(files, (enroll_keys, test_keys), names, scorer.score, tally)
    if tally.num_done:
        log("Mean score was {:g}, standard deviation was {:g}".format(*totals))
    log(f"Processed {tally.num_done} trials, {tally.num_lost} had errors.")
    return tally.exit_code()


def score_by_dot_product(first_in: str, second_in: str, files) -> int:
    """ivector-compute-dot-products"""
    from steps_py.backend.trial_scores import dot_products  # start-up time

    tally = Tally()
    (first_keys, first_ED), (second_keys, second_TD) = _read_sides(first_in, second_in)
    if first_keys and second_keys and first_ED.shape[1] != second_TD.shape[1]:
        raise KaldiError(
            f"{second_in}: vectors of {second_TD.shape[1]} dimensions, those of {first_in} have"
            f" {first_ED.shape[1]}."
        )
    first_ED, second_TD = first_ED.astype(np.float64), second_TD.astype(np.float64)

    def score(first_L, second_L):
        return dot_products(first_ED, second_TD, first_L, second_L)

    names = ("1st table of ivectors", "2nd table of ivectors")
    totals = _score_lists(files, (first_keys, second_keys), names, score, tally)
    if tally.num_done:
        log("Mean dot-product was {:g}, standard deviation was {:g}".format(*totals))
    log(f"Processed {tally.num_done} trials {tally.num_lost} had errors.")
    return tally.exit_code()


def _read_sides(first_in, second_in):
    """Two tables of vectors; one that is named twice is read once."""
    first = read_vectors(first_in)
    same = first_in == second_in and parse_rspecifier(first_in).rxfilename not in ("", "-")
    return first, first if same else read_vectors(second_in)


def _with_counts(num_utts_in, keys, x_ED, tally):
    """Keep the speakers whose number of utterances is known: keys, vectors, numbers."""
    if not num_utts_in:
        return keys, x_ED, np.ones(len(keys), np.int64)
    rows, counts = [], []
    with RandomReader(num_utts_in, INT) as table:
        for row, spk in enumerate(keys):
            if spk not in table:
                tally.lost(spk, "number of utterances not given for speaker")
                continue
            if table[spk] < 1:
                raise KaldiError(
                    f"{num_utts_in}: {spk} has {table[spk]} utterances, not 1 or more."
                )
            rows.append(row)
            counts.append(table[spk])
    return [keys[row] for row in rows], x_ED[rows], np.array(counts, np.int64)


def _transformed(plda, options, x_ND, num_utts, name):
    """Vectors as PLDA scores them, and a word on their lengths."""
    u_ND = plda.transform(x_ND, normalize_length=False)
    factor_N = plda.length_factors(u_ND, num_utts, options.simple_length_normalization)
    log(f"Read {len(x_ND)} {name} iVectors.")
    log(f"Average renormalization scale on {name} iVectors was {factor_N.mean():g}")
    if options.normalize_length:
        u_ND *= factor_N[:, np.newaxis]
    return u_ND.astype(np.float32)  # as Kaldi keeps them: the last digits of scores depend on it


def _score_lists(files, keys, names, score, tally):
    """Score all trials and write the lines; mean and deviation of the scores.

    `score` takes the rows of both sides.  A trial of an unknown key is lost: its line is
    left out, with a warning.
    """
    trials_in, scores_out = files
    row_of = [
        {key.encode(errors="surrogateescape"): row for row, key in enumerate(k)} for k in keys
    ]
    total = total_squared = 0.0
    with open_input(trials_in) as trials, open_output(scores_out) as out:
        for words1, words2, text in read_blocks(trials, _TRIAL):
            rows = look_up(words1, row_of[0]), look_up(words2, row_of[1])
            known_L = (rows[0] >= 0) & (rows[1] >= 0)
            if not known_L.all():
                _report_lost(words1, words2, rows, names, tally)
                text = keep_lines(text, known_L)
                rows = rows[0][known_L], rows[1][known_L]
            score_L = score(*rows).astype(np.float32)
            out.write(with_numbers(text, score_L))
            tally.num_done += len(score_L)
            total += float(score_L.sum(dtype=np.float64))
            total_squared += float((score_L.astype(np.float64) ** 2).sum())
    mean = total / max(tally.num_done, 1)
    return mean, math.sqrt(max(total_squared / max(tally.num_done, 1) - mean**2, 0.0))


def _report_lost(words1, words2, rows, names, tally):
    for i in np.flatnonzero((rows[0] < 0) | (rows[1] < 0)).tolist():
        pair = [word.decode(errors="surrogateescape") for word in (words1[i], words2[i])]
        side = 0 if rows[0][i] < 0 else 1
        tally.lost(" ".join(pair), f"key {pair[side]} not present in {names[side]}")


def dense_scores(plda, options, x_ND: np.ndarray):
    """ivector-plda-scoring-dense: scores of all pairs of a recording's vectors, (N, N)."""
    if options.target_energy < _NEAR_ALL:
        from steps_py.diarization.energy_pca import energy_projection  # start-up time

        projection_KD = energy_projection(x_ND, options.target_energy)
        x_ND = (x_ND.astype(np.float64) @ projection_KD.T).astype(np.float32)
        plda = plda.projected(projection_KD)
    u_ND = plda.transform(
        x_ND,
        normalize_length=options.normalize_length,
        simple_length_norm=options.simple_length_normalization,
    ).astype(np.float32)
    return plda.score(u_ND, np.ones(len(u_ND)), u_ND)


def vectors_of_recording(vectors, vectors_in: str, reco, utts):
    """The vectors of a recording's utterances, float32 (N, D); all must be there."""
    missing = [utt for utt in utts if utt not in vectors]
    if missing:
        raise KaldiError(f"{vectors_in}: no iVector for {missing[0]} of recording {reco}.")
    x = [vectors[utt] for utt in utts]
    if any(len(x_D) != len(x[0]) for x_D in x):
        raise KaldiError(f"{vectors_in}: vectors of recording {reco} differ in dimension.")
    x_ND = np.stack(x)
    check_finite(utts, x_ND, vectors_in)
    return x_ND
