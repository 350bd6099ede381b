"""kaldi_dir: data directories that exist already, with or without segments.

Their ids and wav.scp entries are taken as they are.  A segment becomes a sox pipe that
cuts it out of its recording, so that every utterance has an entry of its own.
"""

import dataclasses
import os
import re
from pathlib import Path

from steps_py.audio.recordings import (
    Header,
    check_headers,
    count_conversions,
    read_header,
    read_headers,
    wav_entry,
)
from steps_py.audio.wave_holder import WAVE
from steps_py.data.corpora import CORPORA, Corpus, CorpusConfig, Utterance
from steps_py.data.data_dir import compare_keys, read_table
from steps_py.data.segments import cut
from steps_py.errors import AudioError, DataDirError
from steps_py.formats.tables import read_object
from steps_py.settings.declare import setting


@CORPORA.register("kaldi_dir")
class KaldiDir(Corpus):
    """Parts are the folders below root that have a wav.scp, or ``all`` if root has one."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CorpusConfig):
        base: str | None = setting(None, "folder at which relative paths in wav.scp start")

    takes_shell_pipes = True  # as Kaldi does

    layout = """
{train,test,...}/wav.scp, utt2spk             (or wav.scp and utt2spk right there)
{train,test,...}/segments, utt2dur, reco2dur  where there are any"""
    source = "Made by a Kaldi recipe."

    def parts(self):
        if (self.root / "wav.scp").is_file() or not self.root.is_dir():
            return ["all"]
        return sorted(path.parent.name for path in self.root.glob("*/wav.scp"))

    def check_name(self, name, known, kind):
        if self.root.is_dir():  # else the missing root is the fault to speak of
            super().check_name(name, known, kind)

    def folders(self, part):
        return ["." if (self.root / "wav.scp").is_file() else part]

    def files_read(self, part):
        folder = next((self.root / name for name in self.folders(part)), self.root)
        tables = ("wav.scp", "utt2spk", "segments", "utt2dur", "reco2dur")
        return [*super().files_read(part), *(folder / table for table in tables)]

    def audio_read(self, part):
        if self.missing_part(part):
            return self.root, []
        entries = read_table(self.folder(part) / "wav.scp").values()
        paths = [self.from_base(entry) for entry in entries if not is_stream(entry)]
        return Path.cwd(), paths

    def utterances(self, part, num_threads=8):
        self.check_name(part, self.parts(), "part")
        self.raise_missing(self.missing_part(part))
        folder, where = self.folder(part), f"{self.name}.{part}"
        utt2spk = read_table(folder / "utt2spk")
        entries = {reco: self.from_base(e) for reco, e in read_table(folder / "wav.scp").items()}
        self.check_pipes(part, entries.values())
        headers = self.read_headers(folder, entries, num_threads)
        check_headers(entries.values(), headers.values(), self.config, where, self.key)
        self.notes += count_conversions(list(headers.values()), self.config)
        stretches = {utt: (utt, None) for utt in entries}
        if (folder / "segments").is_file():
            stretches = read_segments(folder / "segments", headers)
        faults = compare_keys(stretches.keys(), utt2spk.keys(), folder, folder / "utt2spk")
        if faults:
            raise DataDirError("\n".join(faults))
        utterances = []
        for utt, (reco, trim) in stretches.items():
            wav = wav_entry(entries[reco], headers[reco], self.config, trim)
            duration_sec = trim[1] if trim else headers[reco].duration_sec
            utterances.append(Utterance(utt, utt2spk[utt], wav, duration_sec))
        return self.with_prefix(self.chosen(utterances))

    def from_base(self, entry):
        """A wav.scp entry with `base` before a relative path."""
        is_path = not entry.endswith("|") and not os.path.isabs(entry)
        return f"{self.config.base}/{entry}" if is_path and self.config.base else entry

    def with_prefix(self, utterances):
        prefix = self.config.id_prefix
        return [dataclasses.replace(u, utt=prefix + u.utt, spk=prefix + u.spk) for u in utterances]

    def read_headers(self, folder, entries, num_threads):
        """recording -> `Header`.

        A pipe with a length in utt2dur or reco2dur is not run: that length is taken, and rate
        and channels as configured.  Other pipes are run.
        """
        lengths = {}
        for name in ("utt2dur", "reco2dur"):
            if (folder / name).is_file():
                lengths |= read_table(folder / name)
        known = {entries[reco]: lengths[reco] for reco in entries.keys() & lengths.keys()}

        def read(entry):
            if not is_stream(entry):
                return read_header(entry)
            if entry in known:
                return Header(self.config.sample_rate_hz, 1, float(known[entry]))
            return run_entry(entry)

        headers = read_headers(entries.values(), num_threads, read)
        return dict(zip(entries, headers, strict=True))


def is_stream(entry):
    """Is it a pipe, or a place in an archive?  Neither has a header that a look can find."""
    return entry.endswith("|") or re.search(r":\d+$", entry) is not None


def run_entry(entry):
    """The `Header` of what an entry gives, all of it read."""
    wave = read_object(entry, WAVE)
    num_channels, num_samples = wave.samples_CN.shape
    if num_samples == 0:
        raise AudioError(f"{entry}: gives no sample.")
    return Header(int(wave.rate_hz), num_channels, num_samples / wave.rate_hz)


def read_segments(path, headers):
    """utterance -> (recording, (begin, length) in s), cut at whole samples as Kaldi does."""
    stretches = {}
    for line, (utt, text) in enumerate(read_table(path).items(), 1):
        where, fields = f"{path}:{line}", text.split()
        try:
            reco, begin, end = fields[0], *map(float, fields[1:])
        except ValueError:
            raise DataDirError(
                f"{where}: expected '<utterance> <recording> <begin> <end>' in seconds, got"
                f" '{utt} {text}'. Write it so."
            ) from None
        if reco not in headers:
            raise DataDirError(f"{where}: recording '{reco}' is not in wav.scp. Add it there.")
        trim, length = cut((begin, end), headers[reco]), headers[reco].duration_sec
        if trim is None:
            end = length if end == -1 else end
            raise DataDirError(
                f"{where}: '{utt}' is {begin:g} to {end:g} s of '{reco}', which lasts"
                f" {length:g} s. Correct the segment."
            )
        stretches[utt] = reco, trim
    return stretches
