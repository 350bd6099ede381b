"""Miniatures of corpora: their official layouts with a few tiny recordings, or with real speech.

A builder is called with the folder to fill, the `speech` that writes the recordings, and how many
speakers and utterances of each to make.  `BUILDERS` has one for each corpus:

    build("vivos", folder)                                    recordings of 0.1 s of silence
    build("vivos", folder, Recorded(files_of), 40, 6)         real ones, {speaker: [files]}

Of parts with speakers of their own, the last quarter of the speakers (at least two) is the test's.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.tiny_corpora import write_lines, write_sound


class Silence:
    """Writes recordings of silence; one of the interface that builders use."""

    def __init__(self, num_samples=1600):
        self.num_samples = num_samples

    def write(self, path, speaker, number):
        """Write utterance `number` of speaker `speaker`, both counted from 0, to `path`."""
        return write_sound(path, num_samples=self.num_samples)


class Recorded:
    """Writes copies of real recordings, in the format that the path's suffix says."""

    def __init__(self, files_of):
        self.files = [sorted(files) for _, files in sorted(files_of.items())]

    def write(self, path, speaker, number):
        import soundfile

        source, path = Path(self.files[speaker][number]), Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == path.suffix:
            shutil.copyfile(source, path)
        else:
            soundfile.write(path, *soundfile.read(source, dtype="int16"))


@dataclass
class Expected:
    """What a miniature has: (speakers, utterances) of each part, trials and models of lists."""

    parts: dict
    trials: dict = field(default_factory=dict)
    models: dict = field(default_factory=dict)
    has_genders: bool = False


def build(name, root, speech=None, num_speakers=4, num_utts=2) -> Expected:
    """Make the miniature `name` in the folder `root`."""
    return BUILDERS[name](Path(root), speech or Silence(), num_speakers, num_utts)


def split(num_speakers):
    """Numbers of the speakers to train on and of those to test."""
    num_test = max(2, num_speakers // 4)
    return range(num_speakers - num_test), range(num_speakers - num_test, num_speakers)


def vivos(root, speech, num_speakers, num_utts):
    train, test = split(num_speakers)
    for part, kind, speakers in (("train", "SPK", train), ("test", "DEV", test)):
        rows, genders = [], []
        for s in speakers:
            spk = f"VIVOS{kind}{s + 1:02d}"
            genders.append(f"{spk} {'fm'[s % 2]}")
            for u in range(num_utts):
                utt = f"{spk}_R{u + 1:03d}"
                speech.write(root / f"{part}/waves/{spk}/{utt}.wav", s, u)
                rows.append(f"{utt} MỘT HAI")
        write_lines(root / part / "prompts.txt", *rows)
        write_lines(root / part / "genders.txt", *genders)
    sizes = {"train": train, "test": test}
    counts = {part: (len(s), len(s) * num_utts) for part, s in sizes.items()}
    return Expected(counts, has_genders=True)


def cnceleb1(root, speech, num_speakers, num_utts):
    """`num_utts` recordings of each speaker; the last of those of a test speaker is the test."""
    train, test = split(num_speakers)
    genres = ("interview", "singing", "speech")
    for s in range(num_speakers):
        for u in range(num_utts):
            name = f"{genres[u % 3]}-01-{u + 1:03d}.flac"
            speech.write(root / f"data/id{s:05d}/{name}", s, u)
    write_lines(root / "dev/dev.lst", *(f"id{s:05d}" for s in train))
    maps, trials, enrolled = [], [], []
    for s in test:
        names = [f"{genres[u % 3]}-01-{u + 1:03d}" for u in range(num_utts)]
        speech.write(root / f"eval/enroll/id{s:05d}-enroll.flac", s, 0)
        speech.write(root / f"eval/test/id{s:05d}-{names[-1]}.flac", s, num_utts - 1)
        maps.append(" ".join([f"id{s:05d}-enroll", *(f"id{s:05d}/{n}.wav" for n in names[:-1])]))
        enrolled.append(f"id{s:05d}-enroll enroll/id{s:05d}-enroll.wav")
        trials += [f"id{e:05d}-enroll test/id{s:05d}-{names[-1]}.wav {int(e == s)}" for e in test]
    write_lines(root / "eval/lists/enroll.map", *maps)
    write_lines(root / "eval/lists/enroll.lst", *enrolled)
    write_lines(root / "eval/lists/trials.lst", *trials)
    num = len(test)
    parts = {
        "dev": (len(train), len(train) * num_utts),
        "enroll": (num, num),
        "enroll_utts": (num, num * (num_utts - 1)),
        "test": (num, num),
    }
    return Expected(parts, {"eval": num * num}, {"eval": num})


def cnceleb2(root, speech, num_speakers, num_utts):
    for s in range(num_speakers):
        for u in range(num_utts):
            speech.write(root / f"data/id{10000 + s}/vlog-01-{u + 1:03d}.flac", s, u)
    write_lines(root / "spk.lst", *(f"id{10000 + s}" for s in range(num_speakers)))
    return Expected({"train": (num_speakers, num_speakers * num_utts)})


def sitw(root, speech, num_speakers, num_utts):
    """Each speaker enrols with a whole recording and with a segment; the last recording is tested.

    Half of the speakers are those of dev, the others those of eval.
    """
    parts, trials = {}, {}
    half = num_speakers // 2
    for side, speakers in (("dev", range(half)), ("eval", range(half, num_speakers))):
        lists = {name: [] for name in ("enroll-core", "enroll-assist", "test-core", "test-multi")}
        keys = {f"{e}-{t}": [] for e in ("core", "assist") for t in ("core", "multi")}
        meta = []
        for s in speakers:
            enrolled, tested = (f"audio/{kind}{s:04d}.flac" for kind in "et")
            for number, file in ((0, enrolled), (num_utts - 1, tested)):
                speech.write(root / side / file, s, number)
                meta.append(f"{file} SP{s:02d} f studio 1 0 9 1 clean 0 interview laughter")
            lists["enroll-core"].append(f"{10000 + s} {enrolled}")
            lists["enroll-assist"].append(f"{20000 + s} {enrolled} 0.010 0.090")
            lists["test-core"].append(tested)
            lists["test-multi"].append(f"{tested} 2")
            for name, rows in keys.items():
                first = 10000 if name.startswith("core") else 20000
                rows += [f"{first + e} {tested} {'tgt' if e == s else 'imp'}" for e in speakers]
        for name, rows in lists.items():
            write_lines(root / side / f"lists/{name}.lst", *rows)
        for name, rows in keys.items():
            write_lines(root / side / f"keys/{name}.lst", *rows)
            trials[f"{side}_{name.replace('-', '_')}"] = len(rows)
        write_lines(root / side / "keys/meta.lst", *meta)
        num = len(speakers)
        parts |= {f"{side}_enroll": (num, 2 * num), f"{side}_test": (num, num)}
    return Expected(parts, trials)


BUILDERS = {make.__name__: make for make in (vivos, cnceleb1, cnceleb2, sitw)}
