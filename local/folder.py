"""folder: any recordings as ``<root>/<speaker>/<session>/<utterance>.{wav,flac,ogg,mp3}``.

Folders above the session join to the speaker: ``corpus/02/r01/c0.flac`` is utterance
corpus-02-r01-c0 of speaker corpus-02.  A file right below its speaker's folder is one
without a session.
"""

import collections
import dataclasses
import os
from pathlib import Path

from steps_py.audio.recordings import SUFFIXES
from steps_py.data.corpora import CORPORA, Corpus, CorpusConfig, Recording, make_id
from steps_py.errors import DataDirError, did_you_mean, some
from steps_py.settings.declare import setting
from steps_py.text_files import read_lines

MAX_FAULTS = 10  # lines of a list in a message


@CORPORA.register("folder")
class Folder(Corpus):
    """Parts are the lists of files in the config, or the single part ``all``."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CorpusConfig):
        lists: dict[str, str] = setting({}, "part -> file of paths below root")
        sessions: bool = setting(True, "false: all folders above the file form the speaker's id")

    layout = """
<speaker>/<session>/<utterance>.wav           (or .flac, .ogg, .mp3)
<corpus>/<speaker>/<session>/<utterance>.wav  speakers are called <corpus>-<speaker>
<speaker>/<utterance>.wav                     without sessions"""
    source = "Your own recordings; the keys are in local/README.md."

    def parts(self):
        return list(self.config.lists) or ["all"]

    def folders(self, part):
        return ["."]

    def missing_part(self, part):
        file = self.config.lists.get(part)
        if file is not None and not Path(file).expanduser().is_file():
            return f"{self.key}.lists.{part}: {file} is not there."
        return super().missing_part(part)

    def recordings(self, part):
        for path in self.list_files(part):
            spk, utt = self.names_of(path)
            yield Recording(utt, spk, f"{self.root}/{path}")

    def files_read(self, part):
        lists = [self.config.lists[part]] if part in self.config.lists else []
        return [*super().files_read(part), *(Path(file).expanduser() for file in lists)]

    def audio_read(self, part):
        if part not in self.config.lists or self.missing_part(part):
            return super().audio_read(part)
        file = Path(self.config.lists[part]).expanduser()
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        return self.root, [self.below_root(line.strip()) for line in lines if line.strip()]

    def list_files(self, part):
        """Paths below root, all or those in the part's list."""
        if part not in self.config.lists:
            return self.walk(self.root)
        file = Path(self.config.lists[part]).expanduser()
        lines = [(number, self.below_root(line)) for number, line in read_lines(file)]
        listed = [path for _, path in lines]
        counts = collections.Counter(listed)
        faults, gone = [], []
        twice = [path for path, count in counts.items() if count > 1]
        if twice:
            faults.append(f"{file}: {len(twice)} files are listed twice ({some(twice)}).")
        for number, path in lines:
            fault = self.fault_of(path)
            if fault:
                faults.append(f"{file}:{number}: {fault}")
            elif not os.path.isfile(f"{self.root}/{path}"):
                gone.append(path)
        if gone and not self.config.partial:
            faults.append(
                f"{file}: {len(gone)} of {len(listed)} files are not below {self.config.root}"
                f" ({some(gone)}). {self.fix_partial}"
            )
        if faults:
            more = [f"{file}: {len(faults) - MAX_FAULTS} more faults like these."]
            many = len(faults) > MAX_FAULTS
            raise DataDirError("\n".join(faults[:MAX_FAULTS] + (more if many else [])))
        if gone:
            self.notes.append(f"kept {len(listed) - len(gone)} of {len(listed)} files of {file}")
        return sorted(set(listed) - set(gone))

    def below_root(self, path):
        """`path` relative to root, for relative and absolute paths.

        Of a root that is a link, the path may be that of the folder behind it.
        """
        if not os.path.isabs(path):
            return os.path.normpath(path)
        below = os.path.relpath(path, self.root)
        if below.startswith("../"):
            folder, name = os.path.split(path)
            behind = os.path.join(os.path.realpath(folder), name)
            real = os.path.relpath(behind, os.path.realpath(self.root))
            return below if real.startswith("../") else real
        return below

    def fault_of(self, path):
        """Why a path below root is not a recording of a speaker; None if it is."""
        folders, suffix = path.split("/")[:-1], os.path.splitext(path)[1]
        if suffix.lower() not in SUFFIXES:
            return f"{path} is not a recording. {did_you_mean(suffix, SUFFIXES)}"
        if not folders or folders[0] == "..":
            return (
                f"{path} has no speaker's folder around it. Expected"
                f" <speaker>/<session>/<utterance>{suffix} below {self.key}.root,"
                f" {self.config.root}."
            )
        return None

    def names_of(self, path):
        """(speaker, utterance) of a path below root."""
        fault = self.fault_of(path)
        if fault:
            raise DataDirError(f"{self.config.root}: {fault}")
        stem = os.path.splitext(path)[0]
        folders = stem.split("/")[:-1]
        speaker = folders[:-1] if self.config.sessions and len(folders) > 1 else folders
        return make_id(*speaker), make_id(*stem.split("/"))

    def utt_of(self, side):
        return self.names_of(self.below_root(side))[1] if "/" in side else side
