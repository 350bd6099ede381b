"""AMI: meetings of four people, their headset microphones mixed (Carletta et al., MLMI 2005).

Utterances are the stretches in which one person speaks, by the manual annotations.  Parts are
those of the partition full-corpus-asr: https://groups.inf.ed.ac.uk/ami/corpus/datasets.shtml.
The number of stretches follows from `min_sec`, so that none is published;
all meetings must be there.
"""

import dataclasses
import xml.etree.ElementTree as xml

from steps_py.data.corpora import CORPORA, Corpus, CorpusConfig, Recording, first_file
from steps_py.data.segments import single_speaker
from steps_py.errors import DataDirError, some
from steps_py.settings.declare import setting

FOUR = "abcd"
# Series of meetings: the letters of its meetings; "" for a meeting without a letter.
TRAIN = {
    **dict.fromkeys(("ES2002", "ES2003", "ES2005", "ES2006", "ES2007", "ES2008", "ES2009"), FOUR),
    **dict.fromkeys(("ES2010", "ES2012", "ES2013", "ES2014", "ES2015", "ES2016"), FOUR),
    **dict.fromkeys(("IS1000", "IS1001", "IS1003", "IS1004", "IS1006", "IS1007"), FOUR),
    **dict.fromkeys(("TS3005", "TS3006", "TS3007", "TS3008", "TS3009", "TS3010"), FOUR),
    **dict.fromkeys(("TS3011", "TS3012"), FOUR),
    **{"IS1002": "bcd", "IS1005": "abc", "EN2001": "abde", "EN2003": "a", "EN2004": "a"},
    **{"EN2005": "a", "EN2006": "ab", "EN2009": "bcd"},
    **dict.fromkeys(("IN1001", "IN1002", "IN1005", "IN1007", "IN1008", "IN1009"), ""),
    **dict.fromkeys(("IN1012", "IN1013", "IN1014", "IN1016"), ""),
}
DEV = {
    **dict.fromkeys(("ES2011", "IS1008", "TS3004"), FOUR),
    **dict.fromkeys(("IB4001", "IB4002", "IB4003", "IB4004", "IB4010", "IB4011"), ""),
}
TEST = dict.fromkeys(("ES2004", "IS1009", "TS3003", "EN2002"), FOUR)
PARTS = {"train": TRAIN, "dev": DEV, "test": TEST}
AUDIO = ("amicorpus", "wav_db")
ANNOTATIONS = "ami_public_manual_1.6.2"
MEETINGS = f"{ANNOTATIONS}/corpusResources/meetings.xml"


@CORPORA.register("ami")
class Ami(Corpus):
    """Speakers keep their names over meetings, MEE006; the first letter is the gender."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CorpusConfig):
        min_sec: float = setting(1.0, "shortest stretch of one speaker in s", minimum=0)

    layout = """
amicorpus/ES2002a/audio/ES2002a.Mix-Headset.wav ...
ami_public_manual_1.6.2/segments/ES2002a.A.segments.xml ...
ami_public_manual_1.6.2/corpusResources/meetings.xml"""
    source = """
Get the headset mix and the manual annotations 1.6.2 from
https://groups.inf.ed.ac.uk/ami/download/ (11 GB; CC BY 4.0)."""

    def parts(self):
        return list(PARTS)

    def folders(self, part):
        return AUDIO

    def lists_of(self, part):
        return [MEETINGS]

    def files_read(self, part):
        annotations = sorted((self.root / ANNOTATIONS / "segments").glob("*.xml"))
        return [*super().files_read(part), *annotations]

    def recordings(self, part):
        folder, gone = self.folder(part), []
        names, meetings = self.read_speakers(), meetings_of(PARTS[part])
        for meeting in meetings:
            path = f"{folder}/{meeting}/audio/{meeting}.Mix-Headset.wav"
            if first_file([path]):
                yield from self.stretches(meeting, path, names)
            else:
                gone.append(meeting)
        if gone and not self.config.partial:
            raise DataDirError(
                f"{self.name}.{part}: {len(gone)} of {len(meetings)} meetings are not in {folder}"
                f" ({some(gone)}). {self.fix_partial}"
            )
        if gone:
            self.notes.append(f"kept {len(meetings) - len(gone)} of {len(meetings)} meetings")

    def stretches(self, meeting, path, names):
        """A Recording for each stretch of a meeting in which one person speaks."""
        segments = []
        for agent, spk in names.get(meeting, {}).items():
            file = self.root / ANNOTATIONS / f"segments/{meeting}.{agent}.segments.xml"
            if file.is_file():
                segments += [(spk, *times) for times in read_segments(file)]
        if not segments:
            raise DataDirError(
                f"{self.root / ANNOTATIONS}: has no segments of meeting {meeting}. Fetch the manual"
                " annotations again."
            )
        for spk, begin, end in single_speaker(segments):
            if end - begin >= self.config.min_sec:
                utt = f"{spk}-{meeting}-{begin * 100:07.0f}-{end * 100:07.0f}"
                yield Recording(utt, spk, path, (begin, end))

    def read_speakers(self):
        """Meeting -> letter of a person in it -> name of the speaker."""
        names = {}
        for meeting in read_xml(self.root / MEETINGS).iter("meeting"):
            agents = {s.get("nxt_agent"): s.get("global_name") for s in meeting.iter("speaker")}
            names[meeting.get("observation")] = agents
        if not names:
            raise DataDirError(f"{self.root / MEETINGS}: names no meeting. Fetch it again.")
        return names

    def genders(self):
        names = self.read_speakers() if first_file([self.root / MEETINGS]) else {}
        speakers = {spk for agents in names.values() for spk in agents.values()}
        return {spk: spk[0].lower() for spk in speakers if spk and spk[0] in "FM"}

    def genders_read(self):
        return [self.root / MEETINGS]


def meetings_of(series: dict[str, str]) -> list[str]:
    """Names of meetings.

    >>> meetings_of({"EN2006": "ab", "IN1001": ""})
    ['EN2006a', 'EN2006b', 'IN1001']
    """
    return [f"{name}{letter}" for name, letters in series.items() for letter in letters or [""]]


def read_segments(path):
    """(begin, end) in s of each segment of an annotation."""
    segments = read_xml(path).iter("segment")
    try:
        return [
            (float(segment.get("transcriber_start")), float(segment.get("transcriber_end")))
            for segment in segments
        ]
    except (TypeError, ValueError):
        raise DataDirError(f"{path}: a segment has no times. Fetch it again.") from None


def read_xml(path):
    """The root element of an XML file; DataDirError if it is none."""
    try:
        return xml.parse(path).getroot()
    except xml.ParseError as error:
        raise DataDirError(f"{path}: not XML ({error}). Fetch it again.") from None
