"""Stages that read whole tables, on a million lines each: time, and memory beside cluster.yaml.

    python -m benchmarks --only table_stages --scale 10 --runs 1      # ten million lines

A stage that needs more than its rule asks the cluster for does not meet its target.
"""

import json
import sys

from benchmarks.harness import ROOT, Case
from benchmarks.inputs import rng_of
from steps_py.cluster.requests import Cluster

NUM_LINES, NUM_SPEAKERS, UTTS_PER_SPEAKER, NUM_PARTS = 1_000_000, 1000, 100, 8
PARTS = [f"parts/{number}.scp" for number in range(NUM_PARTS)]


def make_inputs(folder, scale=1.0):
    """Trials among 100,000 utterances with a score each; tables of as many utterances."""
    num_lines = max(1000, int(NUM_LINES * scale))
    spks = [f"id{10000 + number}" for number in range(NUM_SPEAKERS)]
    utts = [f"{spk}-{number:05d}" for spk in spks for number in range(UTTS_PER_SPEAKER)]
    (folder / "utt2spk").write_text("".join(f"{utt} {utt[:7]}\n" for utt in utts))
    _write_trials(folder, utts, num_lines)
    names = [f"id{1_000_000 + n // 100}-{n % 100:011d}" for n in range(num_lines)]
    _write(folder / "vad.scp", (f"{name} exp/vad/train/vad.1.ark:{n * 700}" for n, name in
                                enumerate(names)))  # fmt: skip
    _write(folder / "utt2uniq", (f"{name}-noise {name}" for name in names))
    options = {"type": "folder", "root": str(folder)}
    options["trials"] = {"big": {"file": str(folder / "list")}}
    (folder / "options.json").write_text(json.dumps(options))
    (folder / "parts").mkdir()


def _write_trials(folder, utts, num_lines):
    """Distinct pairs in random order, one in ten of one speaker: list, trials and scores."""
    rng = rng_of("table_stages")
    with (
        open(folder / "list", "w") as listed,
        open(folder / "trials", "w") as trials,
        open(folder / "scores", "w") as scores,
    ):
        for number in range(num_lines):
            first = number % len(utts)
            step = number // len(utts) + 1  # another partner in each round
            same = number % 10 == 0 and step < UTTS_PER_SPEAKER
            of_speaker = first - first % UTTS_PER_SPEAKER
            then = of_speaker + (first + step) % UTTS_PER_SPEAKER if same else first + 100 * step
            pair = f"{utts[first]} {utts[then % len(utts)]}"
            same = utts[first][:7] == utts[then % len(utts)][:7]
            listed.write(f"{int(same)} {pair}\n")
            trials.write(f"{pair} {'target' if same else 'nontarget'}\n")
            scores.write(f"{pair} {rng.normal(3 * same):.6g}\n")


def _write(path, lines):
    with open(path, "w") as out:
        out.writelines(f"{line}\n" for line in lines)


def cases():
    """In an order in which each stage finds what those before it wrote."""
    return [
        _case(
            "prepare_trials",
            *("--name", "speech", "--list", "big", "--options", "@options.json"),
            *("--enroll", "utt2spk", "--test", "utt2spk", "--out", "prepared"),
        ),
        _case(
            "compute_metrics",
            *("--trials", "trials", "--scores", "scores", "--p-target", "0.01"),
            *("--commands", "built-in", "--out-text", "eer.txt", "--out-table", "eer.tsv"),
            *("--out-comparisons", "comparisons.tsv"),
        ),
        _case("split_table", "vad.scp", *PARTS, rule="split_feats_scp"),
        _case(
            *("gather_tables", "--keys", "vad.scp", "--out", "gathered.scp", *PARTS),
            rule="gather_feats",
        ),
        _case("borrow_clean_vad", "--vad", "vad.scp", "--utt2uniq", "utt2uniq", "--out", "v.scp"),
    ]


def _case(stage, *arguments, rule=None):
    argv = (sys.executable, "-m", "benchmarks.peak_memory", f"steps_py.stages.{stage}", *arguments)
    return Case(
        name=f"a million lines times --scale, {stage}",
        argv=argv,
        at_most_mb=Cluster(ROOT / "cluster.yaml").request(rule or stage).mem_mb,
    )
