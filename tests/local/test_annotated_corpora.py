"""AMI, CHiME-5 and TIMIT in miniature: segments of recordings, ears, NIST SPHERE."""

import json

import pytest

from local.ami import PARTS, meetings_of
from steps_py.data.corpora import load_corpus
from steps_py.errors import AudioError, DataDirError
from tests.support.miniatures import build
from tests.support.tiny_corpora import write_lines, write_sound, write_sphere


def corpus(name, root, **options):
    found = build(name, root)
    return load_corpus(name, {"root": str(root), "partial": True} | found.options | options)


def test_overlapping_speech_of_a_meeting_is_left_out(tmp_path):
    first, second = corpus("ami", tmp_path).utterances("train")
    assert (first.utt, first.spk, first.duration_sec) == (
        "FEE000-ES2002a-0000000-0000004", "FEE000", 0.04
    )  # fmt: skip
    assert (second.spk, second.duration_sec) == ("MEE000", 0.04)
    path = f"{tmp_path}/amicorpus/ES2002a/audio/ES2002a.Mix-Headset.wav"
    assert second.wav == f"sox {path} -b 16 -t wav - trim 0.05 0.04 |"


def test_short_stretches_of_a_meeting_are_left_out(tmp_path):
    with pytest.raises(DataDirError, match="ami.train: no recording in"):
        corpus("ami", tmp_path, min_sec=1.0).utterances("train")


def test_the_parts_of_ami_share_no_meeting():
    """Of the 171 meetings of the corpus IB4005 is in no part."""
    meetings = {part: set(meetings_of(series)) for part, series in PARTS.items()}
    assert {part: len(names) for part, names in meetings.items()} == {
        "train": 136, "dev": 18, "test": 16
    }  # fmt: skip
    assert len(set.union(*meetings.values())) == 136 + 18 + 16


def test_meetings_without_audio_or_annotations_are_named(tmp_path):
    whole = corpus("ami", tmp_path, partial=False)
    with pytest.raises(DataDirError, match="135 of 136 meetings are not in .*amicorpus"):
        whole.utterances("train")
    (tmp_path / "ami_public_manual_1.6.2/segments/ES2002a.A.segments.xml").write_text("<a>")
    with pytest.raises(DataDirError, match="ES2002a.A.segments.xml: not XML"):
        load_corpus("ami", {"root": str(tmp_path), "partial": True}).utterances("train")


def test_an_utterance_of_a_party_is_from_the_ear_of_its_speaker(tmp_path):
    chime5 = corpus("chime5", tmp_path)
    path = write_sound(tmp_path / "audio/train/S01_P01.wav", num_channels=2)
    utterance = chime5.utterances("train")[0]
    assert (utterance.utt, utterance.spk) == ("P01-S01-0000002-0000009", "P01")
    assert utterance.wav == f"sox {path} -b 16 -t wav - remix 1 trim 0.02 0.07 |"


def test_a_transcript_of_chime6_has_one_time(tmp_path):
    chime5 = corpus("chime5", tmp_path)
    entry = {"speaker": "P01", "words": "no", "start_time": "0:00:00.01", "end_time": "0:00:00.05"}
    write_lines(tmp_path / "transcriptions/train/S01.json", json.dumps([entry]))
    assert [u.utt for u in chime5.utterances("train")] == ["P01-S01-0000001-0000005"]
    write_lines(tmp_path / "transcriptions/train/S01.json", json.dumps([entry | {"end_time": "5"}]))
    with pytest.raises(DataDirError, match="S01.json: entry 1: has no speaker, words, start_time"):
        chime5.utterances("train")


def test_sphere_files_called_wav_are_read_as_what_they_are(tmp_path):
    timit = corpus("timit", tmp_path)
    first = timit.utterances("train")[0]
    path = f"{tmp_path}/TRAIN/DR1/FABC0/SX0.WAV"
    assert (first.utt, first.spk, first.duration_sec) == ("FABC0-SX0", "FABC0", 0.1)
    assert first.wav == f"sph2pipe -f wav -p {path} |"
    write_sphere(path, num_samples=1600, rate_hz=8000)
    with pytest.raises(AudioError, match="SX0.WAV has 8000 Hz"):
        timit.utterances("train")


def test_a_copy_of_timit_in_lower_case_has_the_same_ids(tmp_path):
    write_sphere(tmp_path / "timit/train/dr1/fcjf0/sa1.wav", num_samples=1600)
    timit = load_corpus("timit", {"root": str(tmp_path), "partial": True})
    assert [u.utt for u in timit.utterances("train")] == ["FCJF0-SA1"]
    assert timit.genders() == {"FCJF0": "f"}


def test_recordings_of_common_voice_are_mp3_and_may_be_converted(tmp_path):
    voice = corpus("common_voice", tmp_path)
    first = voice.utterances("train")[0]
    clip = f"{tmp_path}/clips/common_voice_en_0000.mp3"
    assert first.wav == f"sox {clip} -b 16 -t wav - |"
    (tmp_path / "clips/common_voice_en_0000.mp3").unlink()
    path = write_sound(tmp_path / "clips/common_voice_en_0000.wav")
    assert voice.utterances("train")[0].wav == str(path)


def test_of_voxblink_the_files_that_are_there_are_taken_and_counted(tmp_path):
    videos = corpus("voxblink", tmp_path)
    assert videos.utterances("full")[0].utt == "id00000-DwgY-qn_ZHM-00000"
    assert videos.notes == ["8 of 9 utterances of resource/data/utt_full are on this disk"]
