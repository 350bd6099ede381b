"""Miniatures of corpora: their official layouts with a few tiny recordings, or with real speech.

A builder is called with the folder to fill, the `speech` that writes the recordings, and how many
speakers and utterances of each to make.  `BUILDERS` has one for each corpus:

    build("vivos", folder)                                    recordings of 0.1 s of silence
    build("vivos", folder, Recorded(files_of), 40, 6)         real ones, {speaker: [files]}

Of parts with speakers of their own, the last quarter of the speakers (at least two) is the test's.
"""

import itertools
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.tiny_corpora import write_lines, write_sound, write_sphere


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
    """What a miniature has: (speakers, utterances) of each part, trials and models of lists.

    `options` are keys of the corpus's entry in a config that so small a tree needs, `unneeded` the
    tables that a part is read without.
    """

    parts: dict
    trials: dict = field(default_factory=dict)
    models: dict = field(default_factory=dict)
    has_genders: bool = False
    options: dict = field(default_factory=dict)
    unneeded: tuple = ()


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


def speaker_folders(root, speech, num_utts, parts):
    """Recordings at ``<folder>/<speaker>/<name of an utterance>`` of parts that share no speaker.

    `parts` maps a part to (numbers of its speakers, pattern of paths with {s} and {u}).
    """
    for speakers, pattern in parts.values():
        for s in speakers:
            for u in range(num_utts):
                speech.write(root / pattern.format(s=s, u=u), s, u)
    sizes = {part: len(speakers) for part, (speakers, _) in parts.items()}
    return Expected({part: (size, size * num_utts) for part, size in sizes.items()})


def three_parts(num_speakers):
    """Numbers of the speakers of train, dev and test."""
    train, test = split(num_speakers)
    return {"train": train, "dev": test[: len(test) // 2], "test": test[len(test) // 2 :]}


def aishell1(root, speech, num_speakers, num_utts):
    pattern = "data_aishell/wav/{part}/S{{s:04d}}/BAC009S{{s:04d}}W{{u:04d}}.wav"
    parts = three_parts(num_speakers).items()
    return speaker_folders(
        root, speech, num_utts, {part: (s, pattern.format(part=part)) for part, s in parts}
    )


def aishell2(root, speech, num_speakers, num_utts):
    pattern = "iOS/{folder}/wav/{c}{{s:04d}}/I{c}{{s:04d}}W{{u:04d}}.wav"
    places = {"train": ("data", "C"), "dev": ("dev", "D"), "test": ("test", "T")}
    return speaker_folders(
        root,
        speech,
        num_utts,
        {
            part: (s, pattern.format(folder=places[part][0], c=places[part][1]))
            for part, s in three_parts(num_speakers).items()
        },
    )


def aidatatang_200zh(root, speech, num_speakers, num_utts):
    pattern = "corpus/{part}/G{{s:04d}}/T0055G{{s:04d}}S{{u:04d}}.wav"
    parts = three_parts(num_speakers).items()
    return speaker_folders(
        root, speech, num_utts, {part: (s, pattern.format(part=part)) for part, s in parts}
    )


def magicdata(root, speech, num_speakers, num_utts):
    pattern = "{part}/{{s}}_{{s:04d}}/{{s}}_{{s:04d}}_2017082617{{u:04d}}.wav"
    parts = three_parts(num_speakers)
    rows = [f"{s}_{s:04d}\t30\t{('female', 'male')[s % 2]}\tbei jing" for s in range(num_speakers)]
    write_lines(root / "SPKINFO.txt", "SPKID\tAge\tGender\tDialect", *rows)
    found = speaker_folders(
        root, speech, num_utts, {part: (s, pattern.format(part=part)) for part, s in parts.items()}
    )
    return Expected(found.parts, has_genders=True)


def tal_csasr(root, speech, num_speakers, num_utts):
    names = [f"{s:03d}{u:04d}" for s in range(num_speakers) for u in range(num_utts)]
    for number, name in enumerate(names):
        speech.write(root / f"cs_wav/{name}.wav", *divmod(number, num_utts))
    write_lines(root / "label", *(f"{name} ok hao" for name in names))
    return Expected({"train": (len(names), len(names))})


def timit(root, speech, num_speakers, num_utts):
    """Files of NIST SPHERE, of silence whatever the `speech`."""
    parts = dict(zip(("train", "test"), split(num_speakers), strict=True))
    for part, speakers in parts.items():
        for s in speakers:
            for u in range(num_utts):
                name = f"{part.upper()}/DR{s % 8 + 1}/{'FM'[s % 2]}ABC{s % 10}/SX{u}.WAV"
                write_sphere(root / name, num_samples=1600)
    sizes = {part: len(speakers) for part, speakers in parts.items()}
    return Expected({part: (n, n * num_utts) for part, n in sizes.items()}, has_genders=True)


def sre16(root, speech, num_speakers, num_utts):
    """Every second speaker speaks Tagalog; the last call of a speaker is tested."""
    docs = {name: [] for name in ("enrollment", "trial_key", "segment_key")}
    docs["enrollment"].append("modelid segment side")
    docs["trial_key"].append("modelid segment side targettype")
    docs["segment_key"].append("segment call_id side")
    calls = ["call_id language_id speakers"]
    for s in range(num_speakers):
        for u in range(num_utts - 1):
            docs["enrollment"].append(f"{1001 + s}_sre16 e{s}{u}_sre16 a")
            write_sphere(root / f"data/enrollment/e{s}{u}_sre16.sph", num_samples=1600)
        write_sphere(root / f"data/test/t{s}_sre16.sph", num_samples=1600)
        docs["segment_key"].append(f"t{s}_sre16 {100 + s} a")
        calls.append(f"{100 + s} {('tgl', 'yue')[s % 2]} 1")
        docs["trial_key"] += [
            f"{1001 + e}_sre16 t{s}_sre16 a {'target' if e == s else 'nontarget'}"
            for e in range(num_speakers)
        ]
        for part in ("major", "minor"):
            write_sphere(root / f"data/unlabeled/{part}/{part[:2]}{s}_sre16.sph", num_samples=1600)
    for name, rows in docs.items():
        write_lines(root / f"docs/sre16_eval_{name}.tsv", *rows)
    write_lines(root / "metadata/calls.tsv", *calls)
    num = num_speakers
    parts = {part: (num, num) for part in ("test", "major", "minor")}
    parts["enrollment"] = (num, num * (num_utts - 1))
    of_tagalog = (num + 1) // 2 * num
    trials = {"eval": num**2, "eval_tgl": of_tagalog, "eval_yue": num**2 - of_tagalog}
    return Expected(parts, trials, {"eval": num})


def voices(root, speech, num_speakers, num_utts):
    """The first recording of a speaker is the enrolment, the last one is tested."""
    half, parts, trials = num_speakers // 2, {}, {}
    release = "VOiCES_challenge_2019_post-eval-release/VOiCES_challenge_2019_eval.SID"
    for side, speakers in (("dev", range(half)), ("eval", range(half, num_speakers))):
        top = "Development_Data" if side == "dev" else "Evaluation_Data"
        top = root / top / "Speaker_Recognition"
        enrolled, tested, mapped = {}, {}, []
        for s in speakers:
            for number, kind, paths in ((0, "src", enrolled), (num_utts - 1, "far", tested)):
                original = f"Lab41-SRI-VOiCES-{kind}-none-sp{s:04d}-ch{number}-sg00"
                name = original if side == "dev" else f"{kind}{s:05d}"
                folder = f"sid_dev/sp{s:04d}" if side == "dev" else "sid_eval"
                paths[s] = f"{folder}/{name}.wav"
                speech.write(top / paths[s], s, number)
                mapped.append(f"{name} distant/{original}.wav")
        lists = top / f"sid_{side}_lists{'_and_keys' if side == 'dev' else ''}"
        model = {s: f"model{s:04d}" for s in speakers}
        write_lines(lists / f"{side}-enroll.lst", *(f"{model[s]} {enrolled[s]}" for s in speakers))
        write_lines(lists / f"{side}-test.lst", *tested.values())
        keys = [
            f"{model[e]} {tested[t] if side == 'dev' else tested[t].removeprefix('sid_eval/')}"
            f" {'tgt' if e == t else 'imp'}"
            for e in speakers
            for t in speakers
        ]
        if side == "dev":
            write_lines(lists / "dev-trial-keys.lst", *keys)
        else:
            write_lines(root / f"{release}.trial-keys.lst", *keys)
            write_lines(root / f"{release}.map", *mapped)
        parts |= {f"{side}_{which}": (len(speakers),) * 2 for which in ("enroll", "test")}
        trials[side] = len(keys)
    return Expected(parts, trials)


def common_voice(root, speech, num_speakers, num_utts):
    """MP3 as in the releases; the tables besides train, dev and test have the same rows."""
    head = "client_id\tpath\tsentence\tage\tgender"
    parts = three_parts(num_speakers)
    parts |= dict.fromkeys(("validated", "other", "invalidated"), range(num_speakers))
    for s in range(num_speakers):
        for u in range(num_utts):
            speech.write(root / f"clips/common_voice_en_{s}{u:03d}.mp3", s, u)
    for part, speakers in parts.items():
        rows = [
            f'{s:08x}\tcommon_voice_en_{s}{u:03d}.mp3\tA "word.\t\t{("female", "male")[s % 2]}'
            for s in speakers
            for u in range(num_utts)
        ]
        write_lines(root / f"{part}.tsv", head, *rows)
    sizes = {part: len(speakers) for part, speakers in parts.items()}
    return Expected({part: (n, n * num_utts) for part, n in sizes.items()}, has_genders=True)


def ami(root, speech, num_speakers, num_utts):
    """A meeting for each part, of one utterance of each of two speakers and an overlap."""
    meetings = {"train": "ES2002a", "dev": "ES2011a", "test": "ES2004a"}
    manual = root / "ami_public_manual_1.6.2"
    rows = ["<root>"]
    for number, meeting in enumerate(meetings.values()):
        speech.write(root / f"amicorpus/{meeting}/audio/{meeting}.Mix-Headset.wav", number, 0)
        rows.append(f'<meeting observation="{meeting}">')
        for agent, (begin, end) in {"A": (0.0, 0.05), "B": (0.04, 0.09)}.items():
            spk = f"{'FM'[agent == 'B']}EE{number:03d}"
            rows.append(f'<speaker nxt_agent="{agent}" global_name="{spk}" channel="0"/>')
            write_lines(
                manual / f"segments/{meeting}.{agent}.segments.xml",
                '<nite:root xmlns:nite="http://nite.sourceforge.net/">',
                f'<segment transcriber_start="{begin}" transcriber_end="{end}"/></nite:root>',
            )
        rows.append("</meeting>")
    write_lines(manual / "corpusResources/meetings.xml", *rows, "</root>")
    parts = dict.fromkeys(meetings, (2, 2))
    return Expected(parts, options={"min_sec": 0.01}, has_genders=True)


def chime5(root, speech, num_speakers, num_utts):
    """A party for each part, of two speakers; the last entry is redacted."""
    for number, part in enumerate(("train", "dev", "eval")):
        entries = []
        for s in range(2):
            spk, session = f"P{2 * number + s + 1:02d}", f"S{number + 1:02d}"
            speech.write(root / f"audio/{part}/{session}_{spk}.wav", s, 0)
            for words in ("yes", "[redacted]"):
                entry = {"speaker": spk, "session_id": session, "words": words}
                times = {"start_time": "0:00:00.02", "end_time": "0:00:00.09"}
                entries.append(entry | {key: {"original": time} for key, time in times.items()})
        write_lines(root / f"transcriptions/{part}/{session}.json", json.dumps(entries))
    return Expected(dict.fromkeys(("train", "dev", "eval"), (2, 2)))


def voxblink(root, speech, num_speakers, num_utts):
    """All utterances are in the list `full`, those of the first half of the speakers in `clean`."""
    utts = {}
    for s in range(num_speakers):
        for u in range(num_utts):
            utts.setdefault(s, []).append(f"id{s:05d}-DwgY-qn_ZHM-{u:05d}")
            speech.write(root / f"data/id{s:05d}/DwgY-qn_ZHM/{u:05d}.wav", s, u)
    half = num_speakers // 2
    clean = [utt for s in range(half) for utt in utts[s]]
    write_lines(root / "resource/data/utt_clean", *clean)
    every = [utt for listed in utts.values() for utt in listed]
    write_lines(root / "resource/data/utt_full", *every, "id09999-DwgY-qn_ZHM-00000")
    genders = [f"id{s:05d} {('female', 'male')[s % 2]}" for s in range(num_speakers)]
    write_lines(root / "resource/meta/spk2gender", *genders)
    parts = {"clean": (half, len(clean)), "full": (num_speakers, len(every))}
    return Expected(parts, has_genders=True)


def voxblink2(root, speech, num_speakers, num_utts):
    for s in range(num_speakers):
        for u in range(num_utts):
            speech.write(root / f"audio/id{s:06d}/DwgY-qn_ZHM/{u:05d}.wav", s, u)
    rows = [f"id{s:06d},DwgY-qn_ZHM,gone-gone-1" for s in range(num_speakers)]
    write_lines(root / "data/spk2videos", *rows)
    return Expected({"all": (num_speakers, num_speakers * num_utts)})


def voxceleb1(root, speech, num_speakers, num_utts):
    """Numbers as names of speakers; all pairs of the test part are the trials of each list."""
    train, test = split(num_speakers)
    names = {}
    for part, speakers in (("dev", train), ("test", test)):
        for s in speakers:
            for u in range(num_utts):
                name = f"id1{s:04d}/1zcIwhmd-_{u % 10}/{u + 1:05d}.wav"
                speech.write(root / f"{part}/wav/{name}", s, u)
                names.setdefault(s, []).append(name)
    tested = [(s, name) for s in test for name in names[s]]
    pairs = list(itertools.combinations(tested, 2))
    rows = [f"{int(s == t)} {enroll} {tested}" for (s, enroll), (t, tested) in pairs]
    lists = ("veri_test", "veri_test2", "list_test_all", "list_test_all2")
    for name in (*lists, "list_test_hard", "list_test_hard2"):
        write_lines(root / f"{name}.txt", *rows)
    meta = [
        f"id1{s:04d}\tName_{s}\t{'fm'[s % 2]}\tUSA\t{'dev' if s in train else 'test'}"
        for s in range(num_speakers)
    ]
    head = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"
    write_lines(root / "vox1_meta.csv", head, *meta)
    every = [(s, name) for s in range(num_speakers) for name in names[s]]
    iden = {part: every[n::3] for n, part in enumerate(("iden_train", "iden_valid", "iden_test"))}
    rows_of = [f"{n} {name}" for n, rows in enumerate(iden.values(), 1) for _, name in rows]
    write_lines(root / "iden_split.txt", *rows_of)
    parts = {"dev": train, "test": test, "all": range(num_speakers)}
    trials = ("vox1", "vox1_clean", "vox1_e", "vox1_e_clean", "vox1_h", "vox1_h_clean")
    return Expected(
        {part: (len(s), len(s) * num_utts) for part, s in parts.items()}
        | {part: (len({s for s, _ in rows}), len(rows)) for part, rows in iden.items()},
        dict.fromkeys(trials, len(rows)),
        {"iden_valid": len({s for s, _ in iden["iden_valid"]})},
        has_genders=True,
        unneeded=("vox1_meta.csv", *(f"{name}.txt" for name in lists)),
    )


def voxceleb2(root, speech, num_speakers, num_utts):
    """A copy converted to wav."""
    parts = dict(zip(("dev", "test"), split(num_speakers), strict=True))
    pattern = "{part}/wav/id0{{s:04d}}/1zcIwhmd-_4/{{u:05d}}.wav"
    return speaker_folders(
        root, speech, num_utts, {part: (s, pattern.format(part=part)) for part, s in parts.items()}
    )


def librispeech(root, speech, num_speakers, num_utts):
    """The `speech` is that of train-clean-100 and test-clean; other parts have a silent speaker."""
    train, test = split(num_speakers)
    parts = {"train-clean-100": (train, speech), "test-clean": (test, speech)}
    others = ("train-clean-360", "train-other-500", "dev-clean", "dev-other", "test-other")
    parts |= {part: ([num_speakers + n], Silence()) for n, part in enumerate(others)}
    rows = [";ID  |SEX| SUBSET           |MINUTES| NAME"]
    for part, (speakers, sounds) in parts.items():
        for s in speakers:
            rows.append(f"{s + 1000} | {'FM'[s % 2]} | {part} | 25.19 | Name")
            for u in range(num_utts):
                name = f"{part}/{s + 1000}/7/{s + 1000}-7-{u:04d}.flac"
                sounds.write(root / name, s, u)
    write_lines(root / "SPEAKERS.TXT", *rows)
    sizes = {part: len(speakers) for part, (speakers, _) in parts.items()}
    counts = {part: (n, n * num_utts) for part, n in sizes.items()}
    return Expected(counts, has_genders=True, unneeded=("SPEAKERS.TXT",))


BUILDERS = {
    make.__name__: make
    for make in (
        *(vivos, cnceleb1, cnceleb2, sitw, aishell1, aishell2, aidatatang_200zh, magicdata),
        *(
            voxceleb1,
            voxceleb2,
            librispeech,
            tal_csasr,
            timit,
            sre16,
            voices,
            common_voice,
            ami,
            chime5,
            voxblink,
            voxblink2,
        ),
    )
}
