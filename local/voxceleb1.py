"""VoxCeleb1: 1,251 speakers, interviews on YouTube (Nagrani et al., Interspeech 2017).

Two styles of names are in use.  Since version 1.1 a speaker is a number (id10270) and a
file is ``id10270/<video>/00001.wav``; before, a speaker is a name and a file is
``Eartha_Kitt/<video>_0000001.wav``.  Utterance ids keep the style of the files, as in
Kaldi: ``<speaker>-<video>-<segment>``.  A trial list of the other style is translated
by vox1_meta.csv.

Parts dev and test have different speakers.  Parts iden_train, iden_valid and iden_test have the
same speakers and different utterances, by iden_split.txt, for identification.
"""

import itertools

from steps_py.data.corpora import CORPORA, Corpus, Published, Recording, first_file
from steps_py.data.trials import read_trial_list
from steps_py.errors import ConfigError, DataDirError, some

# Published are 352 hours in all; here they are shared out by utterances.
PUBLISHED = {
    "dev": Published(1211, 148642, 340.8),
    "test": Published(40, 4874, 11.2),
    "all": Published(1251, 153516, 352.0),
    "iden_train": Published(1251, 138361, 317.3),
    "iden_valid": Published(1251, 6904, 15.8),
    "iden_test": Published(1251, 8251, 18.9),
}
IDEN_NUMBERS = {"iden_train": "1", "iden_valid": "2", "iden_test": "3"}  # in IDEN_SPLIT
IDEN_SPLIT = "iden_split.txt"
PUBLISHED_TRIALS = {
    "vox1": 37720,
    "vox1_clean": 37611,
    "vox1_e": 581480,
    "vox1_e_clean": 579818,
    "vox1_h": 552536,
    "vox1_h_clean": 550894,
}
LIST_FILES = {
    "vox1": ("veri_test.txt", "voxceleb1_test_v2.txt", "voxceleb1_test.txt"),
    "vox1_clean": ("veri_test2.txt",),
    "vox1_e": ("list_test_all.txt",),
    "vox1_e_clean": ("list_test_all2.txt",),
    "vox1_h": ("list_test_hard.txt",),
    "vox1_h_clean": ("list_test_hard2.txt",),
}
FOLDERS = {
    "dev": ("dev/wav", "vox1_dev_wav/wav"),
    "test": ("test/wav", "vox1_test_wav/wav"),
}
TOGETHER = ("voxceleb1_wav", "wav")  # dev and test in one folder
VIDEO_LENGTH = 11  # characters of a YouTube id, which may be - and _ too


@CORPORA.register("voxceleb1")
class VoxCeleb1(Corpus):
    layout = """
dev/wav/id10001/1zcIwhmdeo4/00001.wav ...     (or vox1_dev_wav/wav/...)
test/wav/id10270/5r0dWxy17C8/00001.wav ...    (or vox1_test_wav/wav/...)
veri_test.txt, veri_test2.txt, list_test_all2.txt ...: the trial lists, here or in meta/
iden_split.txt: lines `1|2|3 id10001/1zcIwhmdeo4/00001.wav`, for identification alone
or the older release: voxceleb1_wav/A.J._Buckley/1zcIwhmdeo4_0000001.wav ...,
voxceleb1_test.txt and vox1_meta.csv"""
    licence = "CC BY 4.0"
    source = """
Get it from https://www.robots.ox.ac.uk/~vgg/data/voxceleb/vox1.html (on request; CC BY 4.0).
Lists and vox1_meta.csv are there and, in Kaldi's form, at https://www.openslr.org/49/."""
    published = PUBLISHED
    published_trials = PUBLISHED_TRIALS
    model_lists = ("iden_valid",)  # the utterances of each speaker in that part

    def folders(self, part):
        return [*FOLDERS.get(part, ()), *TOGETHER]

    def missing_part(self, part):
        if part in IDEN_NUMBERS:
            path = self.root / self.lists_of(part)[0]
            said = f"{self.key}.root: part '{part}' needs {path}, which is not there."
            return self.missing_part("all") or (None if path.is_file() else said)
        if part != "all" or any((self.root / folder).is_dir() for folder in TOGETHER):
            return super().missing_part(part)
        return self.missing_part("dev") or self.missing_part("test")

    def lists_of(self, part):
        if part not in IDEN_NUMBERS:
            return super().lists_of(part)
        in_meta = (self.root / "meta" / IDEN_SPLIT).is_file()
        return [f"meta/{IDEN_SPLIT}" if in_meta else IDEN_SPLIT]

    def recordings(self, part):
        if part in IDEN_NUMBERS:
            listed = self.read_iden_split()[part]
            yield from (file for file in self.recordings("all") if file.utt in listed)
            return
        parts = ["dev", "test"] if part == "all" else [part]
        for one in parts:
            folder = self.folder(one)
            mixed = folder.relative_to(self.root).as_posix() in TOGETHER
            test_speakers = self.read_test_speakers() if mixed else ()
            for path in self.walk(folder, (".wav",)):
                spk, video, segment = split_path(path, folder)
                if not mixed or (spk in test_speakers) == (one == "test"):
                    yield Recording(f"{spk}-{video}-{segment}", spk, f"{folder}/{path}")

    def files_read(self, part):
        tables = ["vox1_meta.csv", "meta/vox1_meta.csv"]
        lists = [*self.published_files("vox1"), *self.published_files("vox1_clean")]
        return [*super().files_read(part), *(self.root / table for table in tables), *lists]

    def audio_read(self, part):
        whole = part == "all" or part in IDEN_NUMBERS
        return (self.root, None) if whole else super().audio_read(part)

    def models(self, name):
        models = {}
        for utt, spk in sorted(self.read_iden_split()[name].items()):
            models.setdefault(spk, []).append(utt)
        return models

    def models_read(self, name):
        return [self.root / path for path in self.lists_of(name)]

    def read_iden_split(self):
        """part -> {utterance: speaker} by iden_split.txt."""
        path = self.root / self.lists_of("iden_train")[0]
        utts = {number: {} for number in IDEN_NUMBERS.values()}
        for row, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            fields = line.split()
            if not fields:
                continue
            if len(fields) != 2 or fields[0] not in utts:
                raise DataDirError(
                    f"{path}:{row}: expected `1|2|3 <speaker>/<video>/<segment>.wav`, got"
                    f" {line[:60]!r}. Fetch the list again."
                )
            utts[fields[0]][self.utt_of(fields[1])] = split_path(fields[1], path)[0]
        return {part: utts[number] for part, number in IDEN_NUMBERS.items()}

    def speakers_excluded(self):
        """Both styles of the names listed, as Kaldi's egs/sitw excludes the speakers of SITW."""
        listed = super().speakers_excluded()
        names = [row[:2] for row in self.read_meta() or ()]
        return listed.union(*(pair for pair in names if listed & set(pair)))

    def genders_read(self):
        return [self.root / "vox1_meta.csv", self.root / "meta/vox1_meta.csv"]

    def genders(self):
        return {spk: row[2] for row in self.read_meta() or () for spk in row[:2]}

    def list_read(self, name):
        if name in self.config.trials:
            return super().list_read(name)
        tables = ["vox1_meta.csv", "meta/vox1_meta.csv"]
        return [*self.published_files(name), *(self.root / table for table in tables)]

    def published_files(self, name):
        return [self.root / sub / file for file in LIST_FILES[name] for sub in (".", "meta")]

    def read_trials(self, name, known_utts):
        """Of several lists of one name, the one in the style of the files on disk."""
        if name in self.config.trials:
            return super().read_trials(name, known_utts)
        files = [path for path in self.published_files(name) if path.is_file()]
        for path in files:
            trials = read_trial_list(path)
            if trials and self.utt_of(trials[0].enroll) in known_utts:
                return trials
        return read_trial_list(files[0])

    def utt_of(self, side):
        return "-".join(split_path(side)) if "/" in side else side

    def identify(self, sides, known_utts):
        utts = super().identify(sides, known_utts)
        strange = [side for side, utt in utts.items() if utt not in known_utts]
        if not strange or not known_utts or _styles(utts.values()) == _styles(known_utts):
            return utts
        canonical = self.read_names()
        by_recording = {_recording(utt, canonical): utt for utt in known_utts}
        for side in strange:
            utts[side] = by_recording.get(_recording(utts[side], canonical), utts[side])
        return utts

    def read_meta(self):
        """Rows (number, name, gender, set) of vox1_meta.csv, separated by tabs; or None."""
        path = first_file([self.root / "vox1_meta.csv", self.root / "meta/vox1_meta.csv"])
        if path is None:
            return None
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        rows = [row if len(row) > 1 else row[0].split() for row in rows]
        odd = [number for number, row in enumerate(rows, 2) if len(row) < 5]
        if odd:
            raise DataDirError(f"{path}: expected 5 columns; lines {some(odd)} have fewer.")
        return [tuple(row[place].strip() for place in (0, 1, 2, -1)) for row in rows]

    def read_names(self):
        """name -> number of every speaker."""
        rows = self.read_meta()
        if rows is None:
            raise ConfigError(
                f"{self.key}.root: the trial list names speakers in one style (id10270 or"
                " Eartha_Kitt), the files in the other. Put vox1_meta.csv into"
                f" {self.config.root}: it translates."
            )
        return {name: number for number, name, *_ in rows}

    def read_test_speakers(self):
        """The test speakers, in both styles: by vox1_meta.csv, or else by the trial list."""
        rows = self.read_meta()
        if rows is not None:
            return {spk for *names, _, part in rows if part == "test" for spk in names}
        path = first_file([*self.published_files("vox1"), *self.published_files("vox1_clean")])
        if path is None:
            raise ConfigError(
                f"{self.key}.root: dev and test speakers are in one folder, and nothing says"
                f" which is which. Put vox1_meta.csv or veri_test.txt into {self.config.root}."
            )
        trials = read_trial_list(path)
        return {side.split("/")[0] for side in trials.sides}


def split_path(path, folder="trial list"):
    """(speaker, video, segment) of a path below the folder of speakers, in either style.

    >>> split_path("id10001/1zcIwhmdeo4/00001.wav")
    ('id10001', '1zcIwhmdeo4', '00001')
    >>> split_path("Eartha_Kitt/x6uYqmx31kE_0000001.wav")
    ('Eartha_Kitt', 'x6uYqmx31kE', '0000001')
    """
    stem = path[:-4] if path.lower().endswith(".wav") else path
    match stem.split("/"):
        case [spk, video, segment]:
            return spk, video, segment
        case [spk, name] if len(name) > VIDEO_LENGTH + 1:
            return spk, name[:VIDEO_LENGTH], name[VIDEO_LENGTH + 1 :]
    raise DataDirError(
        f"{folder}: {path} is neither <speaker>/<video>/<segment>.wav nor"
        " <speaker>/<video>_<segment>.wav. Keep only VoxCeleb's own files there."
    )


def _recording(utt, canonical):
    """What both styles agree on: (number of the speaker, video, number of the segment)."""
    head, _, segment = utt.rpartition("-")
    spk, video = head[: -VIDEO_LENGTH - 1], head[-VIDEO_LENGTH:]
    return canonical.get(spk, spk), video, int(segment) if segment.isdigit() else segment


def _styles(utts):
    """Which styles a few of the ids have: True for numbers, False for names."""
    some_utts = itertools.islice(utts, 100)
    return {utt.startswith("id1") and utt[2:7].isdigit() for utt in some_utts}
