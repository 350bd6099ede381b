"""One's own recordings: folders of speakers, folders of sounds, Kaldi's data directories."""

import os

import pytest

from steps_py.data.corpora import load_corpus
from steps_py.errors import AudioError, ConfigError, DataDirError
from tests.support.tiny_corpora import write_lines, write_sound, write_wav


def folder(root, *paths, **options):
    for path in paths:
        write_sound(root / path)
    return load_corpus("mine", {"type": "folder", "root": str(root), **options})


def ids(utterances):
    return [(u.spk, u.utt) for u in utterances]


@pytest.mark.parametrize(
    ("path", "spk", "utt"),
    [
        ("anna/s1/a.wav", "anna", "anna-s1-a"),
        ("anna/a.flac", "anna", "anna-a"),
        ("corpus/02/r01/c0.flac", "corpus-02", "corpus-02-r01-c0"),
        ("a/b/c/d/e.ogg", "a-b-c", "a-b-c-d-e"),
        ("O'Neil/s 1/take 1.mp3", "O'Neil", "O'Neil-s_1-take_1"),
        ("Ünal/s1/a.WAV", "Ünal", "Ünal-s1-a"),
    ],
)
def test_folders_name_speakers_and_utterances(tmp_path, path, spk, utt):
    assert ids(folder(tmp_path, path).utterances("all")) == [(spk, utt)]


def test_without_sessions_every_folder_is_part_of_the_speaker(tmp_path):
    corpus = folder(tmp_path, "male/bob/a.wav", "male/bob/b.wav", sessions=False)
    assert ids(corpus.utterances("all")) == [
        ("male-bob", "male-bob-a"), ("male-bob", "male-bob-b")
    ]  # fmt: skip


def test_a_file_without_a_speakers_folder_is_named(tmp_path):
    with pytest.raises(DataDirError, match=r"a\.wav has no speaker's folder around it"):
        folder(tmp_path, "a.wav").utterances("all")


def test_a_recording_in_two_formats_is_one_utterance_twice(tmp_path):
    with pytest.raises(DataDirError) as error:
        folder(tmp_path, "anna/s1/a.wav", "anna/s1/a.flac").utterances("all")
    assert f"anna-s1-a: {tmp_path}/anna/s1/a.flac and {tmp_path}/anna/s1/a.wav" in str(error.value)


def listed(tmp_path, lines, **options):
    path = write_lines(tmp_path / "train.lst", *lines)
    root = tmp_path / "speech"
    return folder(root, "anna/s1/a.wav", "anna/s1/b.wav", "ben/s1/a.wav",
                  lists={"train": str(path)}, **options)  # fmt: skip


def test_a_part_is_what_its_list_names(tmp_path):
    lines = ["ben/s1/a.wav", "", "./anna/s1/b.wav", f"{tmp_path}/speech/anna/s1/a.wav"]
    corpus = listed(tmp_path, lines[:3])
    assert corpus.parts() == ["train"]
    assert [u.utt for u in corpus.utterances("train")] == ["anna-s1-b", "ben-s1-a"]
    assert len(listed(tmp_path, lines).utterances("train")) == 3, "a full path is below root too"


def test_a_list_starts_at_the_folder_of_the_recipe(tmp_path, monkeypatch):
    listed(tmp_path, ["ben/s1/a.wav"])
    monkeypatch.chdir(tmp_path)
    corpus = load_corpus("mine", {"type": "folder", "root": "speech", "lists": {"t": "train.lst"}})
    assert [u.wav for u in corpus.utterances("t")] == ["speech/ben/s1/a.wav"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["ben/s1/a.wav", "ben/s1/c.wav"], "train.lst: 1 of 2 files are not below"),
        (["ben/s1/a.wav", "ben/s1/a.wav"], r"train.lst: 1 files are listed twice \(ben/s1/a.wav\)"),
        (["../train.lst"], "not a recording"),
    ],
)
def test_a_list_that_does_not_fit_the_folder_is_an_error(tmp_path, lines, said):
    with pytest.raises(DataDirError, match=said):
        listed(tmp_path, lines).utterances("train")


def test_a_list_may_begin_with_a_byte_order_mark_and_end_lines_as_windows_does(tmp_path):
    corpus = listed(tmp_path, ["anna/s1/a.wav"])
    write = b"\xef\xbb\xbfanna/s1/a.wav\r\n"
    (tmp_path / "train.lst").write_bytes(write)
    assert ids(corpus.utterances("train")) == [("anna", "anna-s1-a")]


def test_a_list_may_name_the_folder_behind_a_root_that_is_a_link(tmp_path):
    write_sound(tmp_path / "real/anna/s1/a.wav")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for root, other in (("link", "real"), ("real", "link")):
        path = tmp_path / "t.lst"
        write_lines(path, f"{tmp_path}/{other}/anna/s1/a.wav")
        corpus = folder(tmp_path / root, lists={"t": str(path)})
        assert ids(corpus.utterances("t")) == [("anna", "anna-s1-a")]


def test_all_faults_of_a_list_are_told_at_once(tmp_path):
    lines = ["anna/s1/a.wav", "anna/s1/a.wav", "b.wav", "anna/s1/gone.wav", "anna/s1/a.txt"]
    corpus = listed(tmp_path, lines)
    with pytest.raises(DataDirError) as error:
        corpus.utterances("train")
    twice, no_speaker, no_recording, gone = str(error.value).splitlines()
    assert "1 files are listed twice (anna/s1/a.wav)" in twice
    assert ":3: b.wav has no speaker's folder" in no_speaker
    assert ":5: anna/s1/a.txt is not a recording. Known" in no_recording
    assert "1 of 5 files are not below" in gone


def test_partial_leaves_out_files_that_are_listed_and_not_there(tmp_path):
    corpus = listed(tmp_path, ["ben/s1/a.wav", "ben/s1/c.wav"], partial=True)
    assert [u.utt for u in corpus.utterances("train")] == ["ben-s1-a"]
    assert corpus.notes == [f"kept 1 of 2 files of {tmp_path}/train.lst"]


def test_a_missing_list_names_its_key(tmp_path):
    corpus = folder(tmp_path, lists={"train": f"{tmp_path}/none.lst"})
    said = corpus.missing(["train"])
    assert said.startswith(f"data.corpora.mine.lists.train: {tmp_path}/none.lst is not there.")
    with pytest.raises(ConfigError, match="unknown part 'all'. Known: train."):
        corpus.utterances("all")


def test_trials_are_paths_or_ids_in_either_form_and_can_be_kept_by_a_prefix(tmp_path):
    path = write_lines(
        tmp_path / "trials",
        "1 one/anna/s1/a.wav one/anna/s1/b.wav",
        "0 one/anna/s1/a.wav two/ben/s1/a.wav",
        "one-anna-s1-b two-ben-s1-a nontarget",
        "",
    )
    lists = {"all": {"file": str(path)}, "one": {"file": str(path), "prefix": "one/"}}
    corpus = folder(tmp_path / "speech", trials=lists)
    a, b, ben = "one-anna-s1-a", "one-anna-s1-b", "two-ben-s1-a"
    assert corpus.trials("all", {a, b, ben}) == [(a, b, True), (a, ben, False), (b, ben, False)]
    assert corpus.trials("one", {a, b, ben}) == [(a, b, True)]
    assert corpus.trial_lists() == ["all", "one"]


def test_a_list_of_trials_without_any_or_with_odd_lines_is_an_error(tmp_path):
    path = write_lines(tmp_path / "trials", "1 a/b/c.wav a/b/d.wav", "2 a b")
    corpus = folder(tmp_path / "speech", trials={"x": {"file": str(path), "prefix": "none/"}})
    with pytest.raises(DataDirError, match=r"trials:2: expected '1\|0 <enrol> <test>' or"):
        corpus.trials("x", set())
    write_lines(path, "1 a/b/c.wav a/b/d.wav")
    with pytest.raises(DataDirError, match="has no trial with both sides below 'none/'"):
        corpus.trials("x", set())
    path.unlink()
    (tmp_path / "speech").mkdir()
    assert corpus.missing([], ["x"]).startswith("data.corpora.mine.trials.x.file: trial list 'x'")


def test_stereo_of_another_rate_is_converted_as_asked_and_counted(tmp_path):
    write_wav(tmp_path / "anna/s 1/a.wav", rate_hz=44100, num_channels=2)
    write_wav(tmp_path / "anna/s 1/b.wav")
    with pytest.raises(AudioError, match="2 channels|44100 Hz"):
        folder(tmp_path).utterances("all")
    corpus = folder(tmp_path, resample=True, channel="mix")
    assert [u.wav for u in corpus.utterances("all")] == [
        f"sox '{tmp_path}/anna/s 1/a.wav' -r 16000 -b 16 -t wav - remix - |",
        f"{tmp_path}/anna/s 1/b.wav",
    ]
    assert corpus.notes[0] == "1 of 2 recordings converted to 16000 Hz"


def sounds(root, parts):
    for path in ("esc_dog/1.flac", "esc_rain/sub/2.flac", "music/A piece.flac", "talk/3.flac"):
        write_sound(root / path)
    return load_corpus("noise", {"type": "sounds", "root": str(root), "parts": parts})


def test_parts_of_sounds_are_patterns_of_folders(tmp_path):
    corpus = sounds(
        tmp_path, {"noise": ["esc_*"], "music": ["music"], "all": ["*", "esc_rain/sub"]}
    )
    assert ids(corpus.utterances("noise")) == [
        ("esc_dog-1", "esc_dog-1"), ("esc_rain-sub-2", "esc_rain-sub-2")
    ]  # fmt: skip
    (piece,) = corpus.utterances("music")
    assert piece.utt == "music-A_piece"
    assert piece.wav == f"flac -c -d -s '{tmp_path}/music/A piece.flac' |"
    assert len(corpus.utterances("all")) == 4


def test_a_pattern_without_a_match_is_named_before_the_first_job(tmp_path):
    corpus = sounds(tmp_path, {"noise": ["esc50_*"]})
    said = corpus.missing(["noise"])
    assert said.startswith(
        f"data.corpora.noise.parts.noise: no folder in {tmp_path} matches esc50_*"
    )
    with pytest.raises(ConfigError, match="it must be a list"):
        sounds(tmp_path, {"noise": "esc_*"}).missing(["noise"])


def test_without_parts_all_sounds_are_one(tmp_path):
    assert len(sounds(tmp_path, {}).utterances("all")) == 4


def kaldi_dir(root, **options):
    return load_corpus("old", {"type": "kaldi_dir", "root": str(root), **options})


def test_a_data_directory_is_taken_as_it_is(tmp_path):
    wav = write_wav(tmp_path / "wav/a.wav")
    write_lines(tmp_path / "data/train/wav.scp", f"anna-1 {wav}", f"ben-1 cat {wav} |")
    write_lines(tmp_path / "data/train/utt2spk", "anna-1 anna", "ben-1 ben")
    corpus = kaldi_dir(tmp_path / "data")
    assert corpus.parts() == ["train"]
    utterances = corpus.utterances("train")
    assert ids(utterances) == [("anna", "anna-1"), ("ben", "ben-1")]
    assert [u.wav for u in utterances] == [str(wav), f"cat {wav} |"]
    assert [u.duration_sec for u in utterances] == [0.1, 0.1], "a pipe is run to be measured"
    assert kaldi_dir(tmp_path / "data/train", id_prefix="k-").utterances("all")[0].utt == "k-anna-1"


def test_the_length_of_a_pipe_is_that_of_utt2dur(tmp_path):
    write_lines(tmp_path / "wav.scp", "anna-1 false |")
    write_lines(tmp_path / "utt2spk", "anna-1 anna")
    write_lines(tmp_path / "utt2dur", "anna-1 7.5")
    (utterance,) = kaldi_dir(tmp_path).utterances("all")
    assert (utterance.wav, utterance.duration_sec) == ("false |", 7.5)
    os.unlink(tmp_path / "utt2dur")
    with pytest.raises(AudioError, match="old.all: 1 of 1 recordings cannot be read: false |"):
        kaldi_dir(tmp_path).utterances("all")


def test_segments_become_pipes_that_cut_whole_samples(tmp_path):
    wav = write_wav(tmp_path / "a.wav", num_samples=48000)
    write_lines(tmp_path / "wav.scp", "reco a.wav")
    write_lines(tmp_path / "segments", "anna-1 reco 0.5 1.25", "anna-2 reco 1.00004 -1",
                "anna-3 reco 2 3.4")  # fmt: skip
    write_lines(tmp_path / "utt2spk", "anna-1 anna", "anna-2 anna", "anna-3 anna")
    utterances = kaldi_dir(tmp_path, base=str(tmp_path)).utterances("all")
    assert [u.wav for u in utterances] == [
        f"sox {wav} -b 16 -t wav - trim 0.5 0.75 |",
        f"sox {wav} -b 16 -t wav - trim 1 2 |",
        f"sox {wav} -b 16 -t wav - trim 2 1 |",
    ]
    assert [u.duration_sec for u in utterances] == [0.75, 2, 1]


@pytest.mark.parametrize("first", [0, 7, 1601])
def test_our_commands_cut_the_samples_that_a_segment_names(tmp_path, first):
    import numpy as np
    import soundfile

    from steps_py.audio.wave_holder import WAVE
    from steps_py.formats.tables import read_object

    samples = np.arange(8000, dtype="int16")
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    write_lines(tmp_path / "wav.scp", f"reco {tmp_path}/a.wav")
    write_lines(tmp_path / "segments", f"anna-1 reco {(first + 0.01) / 16000:.7f} 0.2")
    write_lines(tmp_path / "utt2spk", "anna-1 anna")
    (utterance,) = kaldi_dir(tmp_path).utterances("all")
    assert (read_object(utterance.wav, WAVE).samples_CN[0] == samples[first:3200]).all()


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("reco 0 5", "'anna-1' is 0 to 5 s of 'reco', which lasts 1 s"),
        ("reco 0.5 0.5", "is 0.5 to 0.5 s of 'reco'"),
        ("reco 2 -1", "is 2 to 1 s of 'reco'"),
        ("other 0 1", "recording 'other' is not in wav.scp"),
        ("reco 0", "expected '<utterance> <recording> <begin> <end>'"),
        ("reco 0 1 2", "expected '<utterance> <recording> <begin> <end>'"),
    ],
)
def test_a_segment_that_cannot_be_cut_is_named_with_its_line(tmp_path, segment, said):
    write_lines(tmp_path / "wav.scp", f"reco {write_wav(tmp_path / 'a.wav', num_samples=16000)}")
    write_lines(tmp_path / "segments", f"anna-1 {segment}")
    write_lines(tmp_path / "utt2spk", "anna-1 anna")
    with pytest.raises(DataDirError) as error:
        kaldi_dir(tmp_path).utterances("all")
    assert str(error.value).startswith(f"{tmp_path}/segments:1: ")
    assert said in str(error.value)


def test_an_unsorted_or_incomplete_directory_is_refused(tmp_path):
    wav = write_wav(tmp_path / "a.wav")
    write_lines(tmp_path / "wav.scp", f"b {wav}", f"a {wav}")
    write_lines(tmp_path / "utt2spk", "a a", "c c")
    with pytest.raises(DataDirError, match="wav.scp:2: 'a' comes after 'b'. Sort the file with"):
        kaldi_dir(tmp_path).utterances("all")
    write_lines(tmp_path / "wav.scp", f"a {wav}", f"b {wav}")
    with pytest.raises(DataDirError, match=r"1 missing \(c\) and 1 unexpected \(b\)"):
        kaldi_dir(tmp_path).utterances("all")
