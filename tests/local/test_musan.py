"""MUSAN and RIRS_NOISES in miniature: noises and rooms for augmentation."""

import pytest

from local import musan
from steps_py.data.corpora import load_corpus
from steps_py.errors import DataDirError
from tests.support.tiny_corpora import write_lines, write_wav

ANNOTATIONS = (
    "music-fma-0000 pop Y Some_Singer",
    "music-fma-0001 classical,baroque N Some Orchestra",
)


def sounds(root, top="", **options):
    for path in (
        "noise/free-sound/noise-free-sound-0000",
        "noise/sound-bible/noise-sound-bible-0000",
        "music/fma/music-fma-0000",
        "music/fma/music-fma-0001",
        "speech/us-gov/speech-us-gov-0000",
    ):
        write_wav(root / f"{top}{path}.wav")
    write_lines(root / f"{top}music/fma/ANNOTATIONS", *ANNOTATIONS)
    return load_corpus("musan", {"root": str(root), "partial": True, **options})


def test_the_published_figures_are_those_of_the_paper():
    assert {part: size.num_utts for part, size in musan.PUBLISHED.items()} == {
        "noise": 930, "music": 660, "speech": 426
    }  # fmt: skip
    assert sum(size.num_utts for size in musan.PUBLISHED.values()) == 2016


@pytest.mark.parametrize("top", ["", "musan/"])
def test_every_file_is_a_speaker_of_its_own(tmp_path, top):
    utterances = sounds(tmp_path, top).utterances("noise")
    assert [(u.utt, u.spk) for u in utterances] == [
        ("noise-free-sound-0000", "noise-free-sound-0000"),
        ("noise-sound-bible-0000", "noise-sound-bible-0000"),
    ]
    assert utterances[0].duration_sec == 0.1


def test_another_number_of_files_is_an_error_without_speakers(tmp_path):
    with pytest.raises(DataDirError) as error:
        sounds(tmp_path, partial=False).utterances("music")
    assert "musan.music: 2 recordings in" in str(error.value)
    assert "published are 660. Set data.corpora.musan.partial: true" in str(error.value)


def test_music_with_vocals_can_be_left_out(tmp_path):
    corpus = sounds(tmp_path, vocals=False)
    assert [u.utt for u in corpus.utterances("music")] == ["music-fma-0001"]
    assert corpus.notes == ["1 of 2 pieces with vocals dropped"]
    assert len(corpus.utterances("noise")) == 2
    write_wav(tmp_path / "music/fma/music-fma-0007.wav")
    with pytest.raises(DataDirError, match=r"1 files are in no ANNOTATIONS \(music-fma-0007\)"):
        corpus.utterances("music")


def test_another_rate_is_served_by_conversion(tmp_path):
    (speech,) = sounds(tmp_path, sample_rate_hz=8000, resample=True).utterances("speech")
    assert speech.wav == (
        f"sox {tmp_path}/speech/us-gov/speech-us-gov-0000.wav -r 8000 -b 16 -t wav - |"
    )


def rooms(root, name="RIRS_NOISES", **options):
    """Rooms as in the archive; the lists name them by the archive's own folder."""
    top, listed = root / name, []
    for room in ("Room001", "Room002"):
        file = f"simulated_rirs/smallroom/{room}/{room}-00001.wav"
        write_wav(top / file, num_samples=400)
        listed.append(f"--rir-id small-{room}-00001 --room-id small-{room} RIRS_NOISES/{file}")
    write_lines(top / "simulated_rirs/smallroom/rir_list", *listed)
    real = "real_rirs_isotropic_noises"
    write_wav(top / real / "RVB2014_type1_rir_largeroom1_far_angla.wav", num_channels=8)
    write_wav(top / real / "RVB2014_type1_noise_largeroom1_1.wav")
    line = f"--rir-id 1 --room-id a RIRS_NOISES/{real}/RVB2014_type1_rir_largeroom1_far_angla.wav"
    write_lines(top / real / "rir_list", line, "")
    return load_corpus("rirs_noises", {"root": str(top), **options})


@pytest.mark.parametrize("name", ["RIRS_NOISES", "my rooms"])
def test_rooms_are_those_in_the_list_whatever_the_folder_is_called(tmp_path, name):
    utterances = rooms(tmp_path, name).utterances("smallroom")
    assert [(u.utt, u.spk) for u in utterances] == [
        ("smallroom-Room001-00001",) * 2, ("smallroom-Room002-00001",) * 2
    ]  # fmt: skip
    assert (
        utterances[0].wav == f"{tmp_path}/{name}/simulated_rirs/smallroom/Room001/Room001-00001.wav"
    )


def test_the_folder_around_the_archive_will_do_as_root(tmp_path):
    rooms(tmp_path)
    corpus = load_corpus("rirs_noises", {"root": str(tmp_path)})
    assert len(corpus.utterances("smallroom")) == 2


def test_of_a_room_with_several_microphones_the_first_is_taken(tmp_path):
    (room,) = rooms(tmp_path).utterances("real")
    assert room.utt == "real-RVB2014_type1_rir_largeroom1_far_angla"
    assert room.wav.endswith(".wav -b 16 -t wav - remix 1 |")


def test_a_room_that_is_listed_and_not_there_is_an_error(tmp_path):
    corpus = rooms(tmp_path)
    (tmp_path / "RIRS_NOISES/simulated_rirs/smallroom/Room002/Room002-00001.wav").unlink()
    with pytest.raises(ValueError, match=r"Room002-00001.wav \(there is no such file\)"):
        corpus.utterances("smallroom")


def test_a_part_without_its_list_or_with_a_spoilt_one_is_an_error(tmp_path):
    corpus = rooms(tmp_path)
    assert "part 'mediumroom' is not in" in corpus.missing(["mediumroom"])
    path = tmp_path / "RIRS_NOISES/simulated_rirs/smallroom/rir_list"
    write_lines(path, "--rir-id 1")
    with pytest.raises(DataDirError, match="rir_list:1: names no wav file"):
        corpus.utterances("smallroom")
    path.unlink()
    with pytest.raises(DataDirError, match="rir_list: there is no such file"):
        corpus.utterances("smallroom")
