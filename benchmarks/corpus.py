"""A corpus of a million utterances as tables, no audio: planned, joined and checked.

Every case is the stage of a rule as the workflow runs it, on 7,000 training speakers of 143
utterances in two parts, 40 test speakers, 580,000 trials; the copies are a million more.
"""

import json
import sys
from pathlib import Path

import yaml

from benchmarks.harness import ROOT, Case
from benchmarks.inputs import rng_of, write_lines
from steps_py.recipe.config import fill_defaults

NUM_SPEAKERS, NUM_TEST_SPEAKERS, UTTS_PER_SPEAKER = 7000, 40, 143
NUM_TRIALS, NUM_SOUNDS, NUM_JOBS = 580_000, 900, 40
COPIES = {
    "noise": {"parts": ["musan.noise"], "snr_db": [15, 10, 5, 0], "interval_sec": 1},
    "music": {"parts": ["musan.music"], "snr_db": [15, 10, 8, 5]},
}
AT_MOST_SEC, AT_MOST_MB = 60.0, 2048
TRAIN_PARTS = ("data/parts/voxceleb1.dev", "data/parts/voxceleb2.dev")


def make_inputs(folder, scale=1.0):
    num_speakers = max(10, int(NUM_SPEAKERS * scale))
    first = num_speakers // 5
    _write_part(folder / TRAIN_PARTS[0], range(first))
    _write_part(folder / TRAIN_PARTS[1], range(first, num_speakers))
    test = _write_part(
        folder / "data/parts/voxceleb1.test", range(20000, 20000 + NUM_TEST_SPEAKERS)
    )
    _write_trials(
        folder / "corpora/voxceleb1/veri_test.txt", test, max(10, int(NUM_TRIALS * scale))
    )
    for kind in ("noise", "music"):
        path = folder / "data/parts" / f"musan.{kind}"
        path.mkdir(parents=True)
        names = [f"{kind}-{number:04d}" for number in range(NUM_SOUNDS)]
        write_lines(path / "wav.scp", [f"{name} /musan/{kind}/{name}.wav" for name in names])
        write_lines(path / "utt2dur", [f"{name} {5 + len(name)}" for name in names])
    _write_recipe(folder, int(num_speakers * UTTS_PER_SPEAKER))


def _write_part(folder, speakers):
    """wav.scp, utt2spk and utt2dur of a part; returns its utterances."""
    folder.mkdir(parents=True)
    names = [
        (f"id{10000 + speaker}", f"{utt // 10 * 7919 + speaker:011d}", f"{utt % 10:05d}")
        for speaker in speakers
        for utt in range(UTTS_PER_SPEAKER)
    ]
    utts = ["-".join(name) for name in names]
    wavs = [f"/corpora/{folder.name}/wav/{'/'.join(name)}.wav" for name in names]
    seconds = rng_of(folder.name).uniform(4, 12, len(utts))
    pairs = zip(utts, wavs, strict=True)
    write_lines(folder / "wav.scp", [f"{utt} {wav}" for utt, wav in pairs])
    pairs = zip(utts, names, strict=True)
    write_lines(folder / "utt2spk", [f"{utt} {name[0]}" for utt, name in pairs])
    pairs = zip(utts, seconds, strict=True)
    write_lines(folder / "utt2dur", [f"{utt} {sec:.4f}" for utt, sec in pairs])
    return names


def _write_trials(path, names, num_trials):
    path.parent.mkdir(parents=True)
    rng, lines, taken = rng_of(path.name), [], set()
    while len(lines) < num_trials:
        first, then = map(int, rng.integers(len(names), size=2))
        if len(lines) % 2:  # every second trial is of one speaker
            then = first // UTTS_PER_SPEAKER * UTTS_PER_SPEAKER + then % UTTS_PER_SPEAKER
        if (first, then) not in taken:
            taken.add((first, then))
            sides = ["/".join(names[number]) + ".wav" for number in (first, then)]
            lines.append(f"{int(names[first][0] == names[then][0])} {' '.join(sides)}")
    write_lines(path, lines)


def _write_recipe(folder, num_copies):
    config = yaml.safe_load((ROOT / "egs/voxceleb/config.yaml").read_text())
    config["augment"] = {"copies": COPIES, "num_utts": num_copies}
    config["data"]["sets"]["train"] = [Path(part).name for part in TRAIN_PARTS]
    for name, corpus in config["data"]["corpora"].items():
        corpus.update(root=str(folder / "corpora" / name), partial=True)
    config["data"]["trials"] = {"vox1": config["data"]["trials"]["vox1"]}
    config = fill_defaults(config)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "conf").mkdir()
    for conf in (ROOT / "egs/voxceleb/conf").iterdir():
        (folder / "conf" / conf.name).write_text(conf.read_text())
    (folder / "augment.json").write_text(json.dumps({"copies": COPIES, "num_utts": num_copies}))
    (folder / "options.json").write_text(json.dumps(config["data"]["corpora"]["voxceleb1"]))


def cases():
    """In the order of the workflow: each stage reads what those before it wrote."""
    parts = [f"exp/feats/{number + 1}.scp" for number in range(NUM_JOBS)]
    sounds = [f"musan.{kind}=data/parts/musan.{kind}" for kind in ("noise", "music")]
    test = "data/vox1_test/utt2spk"
    return [
        _case("combine_parts", "--parts", *TRAIN_PARTS, "--out", "data/train"),
        _case(
            "combine_parts", *("--parts", "data/parts/voxceleb1.test", "--out", "data/vox1_test")
        ),
        _case(
            "check_sets",
            *("--train", "data/train", "--test", "data/vox1_test", "--out", "data/sets.tsv"),
        ),
        _case(
            "prepare_trials",
            *("--name", "voxceleb1", "--list", "vox1", "--options", "@options.json"),
            *("--enroll", test, "--test", test, "--out", "data/trials/vox1"),
        ),
        _case(
            "augment_data",
            *("--config", "@augment.json", "--data", "data/train", "--part", *sounds),
            *("--out", "data/train_augmented"),
        ),
        _case("split_table", "data/train/wav.scp", *parts),
        _case("gather_tables", "--keys", "data/train/wav.scp", "--out", "data/feats.scp", *parts),
        _case(
            "plan",
            *("--snakefile", str(ROOT / "Snakefile"), "--config", "@config.json", "--plan", "{}"),
        ),
    ]


def _case(stage, *arguments):
    argv = (sys.executable, "-m", "benchmarks.peak_memory", f"steps_py.stages.{stage}", *arguments)
    return Case(
        name=f"a million utterances, {stage}",
        argv=argv,
        at_most_sec=AT_MOST_SEC,
        at_most_mb=AT_MOST_MB,
    )
