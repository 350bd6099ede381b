"""VoxCeleb in miniature: both styles of names, every layout, the trial lists."""

import pytest

from local import voxceleb1, voxceleb2
from steps_py.data.corpora import load_corpus
from steps_py.data.trial_checks import check_trials
from steps_py.errors import ConfigError, DataDirError
from tests.support.tiny_corpora import m4a_bytes, write_lines, write_wav

VIDEO, OTHER = "1zcIwhmdeo4", "-_cIwhmdeo4"  # a video's name may begin with - or have _
META = (
    "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet",
    "id10001\tA.J._Buckley\tm\tIreland\tdev",
    "id10270\tEartha_Kitt\tf\tUSA\ttest",
    "id10271\tEd_O'Neil\tm\tNew Zealand\ttest",
)
NUMBERS = (
    "1 id10270/{v}/00001.wav id10270/{v}/00002.wav",
    "0 id10270/{v}/00001.wav id10271/{o}/00001.wav",
)
NAMES = ("1 Eartha_Kitt/{v}_0000001.wav Eartha_Kitt/{v}_0000002.wav",
         "0 Eartha_Kitt/{v}_0000001.wav Ed_O'Neil/{o}_0000001.wav")  # fmt: skip


def lines(pattern):
    return [line.format(v=VIDEO, o=OTHER) for line in pattern]


def by_number(root, dev="dev/wav", test="test/wav"):
    """The layout since version 1.1: one speaker to train on, two to test."""
    for path in (f"{dev}/id10001/{VIDEO}/00001", f"{test}/id10270/{VIDEO}/00001",
                 f"{test}/id10270/{VIDEO}/00002", f"{test}/id10271/{OTHER}/00001"):  # fmt: skip
        write_wav(root / f"{path}.wav")
    return root


def by_name(root, folder="voxceleb1_wav"):
    """The layout of the first release: all speakers in one folder, by name."""
    for path in (f"A.J._Buckley/{VIDEO}_0000001", f"Eartha_Kitt/{VIDEO}_0000001",
                 f"Eartha_Kitt/{VIDEO}_0000002", f"Ed_O'Neil/{OTHER}_0000001"):  # fmt: skip
        write_wav(root / folder / f"{path}.wav")
    return root


def vox1(root, **options):
    return load_corpus("voxceleb1", {"root": str(root), "partial": True, **options})


IDEN = (
    f"1 id10001/{VIDEO}/00001.wav", f"1 id10270/{VIDEO}/00001.wav",
    f"2 id10270/{VIDEO}/00002.wav", f"3 id10271/{OTHER}/00001.wav",
)  # fmt: skip


@pytest.mark.parametrize("folder", [".", "meta"])
def test_the_parts_for_identification_are_those_of_the_list(tmp_path, folder):
    write_lines(by_number(tmp_path) / folder / "iden_split.txt", *IDEN)
    corpus = vox1(tmp_path)
    found = {
        part: [file.utt for file in corpus.recordings(part)]
        for part in ("iden_train", "iden_valid", "iden_test")
    }
    assert found == {
        "iden_train": [f"id10001-{VIDEO}-00001", f"id10270-{VIDEO}-00001"],
        "iden_valid": [f"id10270-{VIDEO}-00002"],
        "iden_test": [f"id10271-{OTHER}-00001"],
    }
    assert corpus.models("iden_valid") == {"id10270": [f"id10270-{VIDEO}-00002"]}
    numbers = voxceleb1.PUBLISHED
    parts = [numbers[part] for part in found]
    assert sum(part.num_utts for part in parts) == numbers["all"].num_utts


def test_a_part_for_identification_without_its_list_is_missing(tmp_path):
    missing = vox1(by_number(tmp_path)).missing_part("iden_train")
    assert "part 'iden_train' needs" in missing and "iden_split.txt" in missing


def test_a_line_of_another_form_in_the_list_is_an_error_with_its_number(tmp_path):
    write_lines(by_number(tmp_path) / "iden_split.txt", IDEN[0], "4 id10001/x/00001.wav")
    with pytest.raises(DataDirError, match=r"iden_split.txt:2: expected `1\|2\|3 <speaker>"):
        list(vox1(tmp_path).recordings("iden_train"))


def test_the_published_figures_add_up_to_those_of_the_kaldi_recipe():
    parts = [voxceleb1.PUBLISHED["dev"], *voxceleb2.PUBLISHED.values()]
    assert sum(part.num_speakers for part in parts) == 7323
    assert sum(part.num_utts for part in parts) == 1276888
    assert voxceleb1.PUBLISHED["all"][:2] == (1211 + 40, 148642 + 4874)
    assert voxceleb1.PUBLISHED_TRIALS == {
        "vox1": 37720, "vox1_clean": 37611, "vox1_e": 581480,
        "vox1_e_clean": 579818, "vox1_h": 552536, "vox1_h_clean": 550894,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("dev", "test"), [("dev/wav", "test/wav"), ("vox1_dev_wav/wav", "vox1_test_wav/wav")]
)
def test_utterances_are_called_speaker_video_segment(tmp_path, dev, test):
    corpus = vox1(by_number(tmp_path, dev, test))
    assert [(u.utt, u.spk) for u in corpus.utterances("dev")] == [
        ("id10001-1zcIwhmdeo4-00001", "id10001")
    ]
    assert [u.utt for u in corpus.utterances("test")] == [
        "id10270-1zcIwhmdeo4-00001", "id10270-1zcIwhmdeo4-00002", "id10271--_cIwhmdeo4-00001"
    ]  # fmt: skip
    assert len(corpus.utterances("all")) == 4


def test_one_folder_of_names_is_parted_by_the_meta_file(tmp_path):
    corpus = vox1(by_name(tmp_path))
    write_lines(tmp_path / "vox1_meta.csv", *META)
    assert [(u.utt, u.spk) for u in corpus.utterances("dev")] == [
        ("A.J._Buckley-1zcIwhmdeo4-0000001", "A.J._Buckley")
    ]
    assert [u.utt for u in corpus.utterances("test")] == [
        "Eartha_Kitt-1zcIwhmdeo4-0000001", "Eartha_Kitt-1zcIwhmdeo4-0000002",
        "Ed_O'Neil--_cIwhmdeo4-0000001",
    ]  # fmt: skip
    assert len(corpus.utterances("all")) == 4


def test_one_folder_of_names_is_parted_by_the_trial_list_where_there_is_no_meta_file(tmp_path):
    corpus = vox1(by_name(tmp_path))
    with pytest.raises(ConfigError, match="Put vox1_meta.csv or veri_test.txt into"):
        corpus.utterances("test")
    write_lines(tmp_path / "voxceleb1_test.txt", *lines(NAMES))
    assert [u.spk for u in corpus.utterances("test")] == ["Eartha_Kitt", "Eartha_Kitt", "Ed_O'Neil"]
    assert [u.spk for u in corpus.utterances("dev")] == ["A.J._Buckley"]


def test_names_may_stand_in_the_layout_of_dev_and_test_folders(tmp_path):
    corpus = vox1(by_name(tmp_path, "test/wav"))
    assert len(corpus.utterances("test")) == 4
    assert "part 'dev' is not in" in corpus.missing(["dev"])
    assert "part 'dev' is not in" in corpus.missing(["all"])


TRIALS_BY_NUMBER = [
    ("id10270-1zcIwhmdeo4-00001", "id10270-1zcIwhmdeo4-00002", True),
    ("id10270-1zcIwhmdeo4-00001", "id10271--_cIwhmdeo4-00001", False),
]
TRIALS_BY_NAME = [
    ("Eartha_Kitt-1zcIwhmdeo4-0000001", "Eartha_Kitt-1zcIwhmdeo4-0000002", True),
    ("Eartha_Kitt-1zcIwhmdeo4-0000001", "Ed_O'Neil--_cIwhmdeo4-0000001", False),
]


@pytest.mark.parametrize(
    ("layout", "pattern", "trials"),
    [
        (by_number, NUMBERS, TRIALS_BY_NUMBER),
        (by_number, NAMES, TRIALS_BY_NUMBER),
        (by_name, NAMES, TRIALS_BY_NAME),
        (by_name, NUMBERS, TRIALS_BY_NAME),
    ],
)
@pytest.mark.parametrize("file", ["veri_test.txt", "meta/voxceleb1_test_v2.txt"])
def test_a_list_of_either_style_serves_files_of_either_style(
    tmp_path, layout, pattern, trials, file
):
    corpus = vox1(layout(tmp_path))
    write_lines(tmp_path / "meta/vox1_meta.csv", *META)
    write_lines(tmp_path / file, *lines(pattern))
    known = {u.utt for u in corpus.utterances("test")}
    assert corpus.trials("vox1", known) == trials


def test_of_two_lists_of_one_name_that_in_the_style_of_the_files_is_taken(tmp_path):
    corpus = vox1(by_name(tmp_path))
    write_lines(tmp_path / "veri_test.txt", *lines(NUMBERS))
    write_lines(tmp_path / "voxceleb1_test.txt", *lines(NAMES))
    assert (
        corpus.trials("vox1", {utt for trial in TRIALS_BY_NAME for utt in trial[:2]})
        == TRIALS_BY_NAME
    )


def test_a_list_of_the_other_style_without_a_meta_file_asks_for_it(tmp_path):
    corpus = vox1(by_name(tmp_path))
    write_lines(tmp_path / "veri_test.txt", *lines(NUMBERS))
    with pytest.raises(ConfigError, match="Put vox1_meta.csv into"):
        corpus.trials("vox1", {"Eartha_Kitt-1zcIwhmdeo4-0000001"})


def test_each_list_has_its_own_file(tmp_path):
    corpus = vox1(by_number(tmp_path))
    for name, files in voxceleb1.LIST_FILES.items():
        assert f"trial list '{name}' is not there" in corpus.missing([], [name])
        write_lines(tmp_path / files[0], *lines(NUMBERS))
        assert corpus.missing([], [name]) is None
        assert len(corpus.trials(name, {TRIALS_BY_NUMBER[0][0]})) == 2


def test_a_list_of_another_length_than_published_is_an_error_with_both_numbers(tmp_path):
    corpus = vox1(by_number(tmp_path), partial=False)
    write_lines(tmp_path / "veri_test2.txt", *lines(NUMBERS))
    with pytest.raises(DataDirError) as error:
        corpus.trials("vox1_clean", set())
    assert (
        "'vox1_clean' has 2 trials; published are 37611. Set data.corpora.voxceleb1.partial"
        in str(error.value)
    )


def test_trials_of_absent_utterances_are_left_out_only_if_partial(tmp_path):
    corpus = vox1(by_number(tmp_path))
    write_lines(
        tmp_path / "veri_test.txt", *lines(NUMBERS), "0 id10270/x/00001.wav id10309/y/00009.wav"
    )
    utt2spk = {u.utt: u.spk for u in corpus.utterances("test")}
    trials = corpus.trials("vox1", utt2spk)
    kept, notes = check_trials(trials, utt2spk, utt2spk, "voxceleb1.vox1", corpus)
    assert kept == TRIALS_BY_NUMBER
    assert notes == ["voxceleb1.vox1: kept 2 of 3 trials"]
    whole = load_corpus("voxceleb1", {"root": str(tmp_path)})
    with pytest.raises(DataDirError) as error:
        check_trials(trials, utt2spk, utt2spk, "voxceleb1.vox1", whole)
    assert "1 of 3 trials name utterances that are in no set: 2 utterances" in str(error.value)
    assert "data.corpora.voxceleb1.partial: true" in str(error.value)
    with pytest.raises(DataDirError, match="all 3 trials name utterances that are in no set"):
        check_trials(trials, {}, {}, "voxceleb1.vox1", corpus)


def test_a_meta_file_that_was_spoilt_is_named_with_its_line(tmp_path):
    corpus = vox1(by_name(tmp_path))
    write_lines(tmp_path / "vox1_meta.csv", *META[:2], "id10270\tEartha_Kitt")
    with pytest.raises(DataDirError, match="vox1_meta.csv: expected 5 columns; lines 3 have fewer"):
        corpus.utterances("test")


def test_a_file_that_is_out_of_place_is_named(tmp_path):
    write_wav(by_number(tmp_path) / "dev/wav/stray.wav")
    with pytest.raises(DataDirError, match="stray.wav is neither <speaker>/<video>/<segment>.wav"):
        vox1(tmp_path).utterances("dev")


def vox2(root):
    return load_corpus("voxceleb2", {"root": str(root), "partial": True})


def write_m4a(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(m4a_bytes())


def test_voxceleb2_is_decoded_by_ffmpeg(tmp_path, monkeypatch):
    write_m4a(tmp_path / "my vox2/dev/aac/id00012/21Uxsk56VDQ/00001.m4a")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    (utterance,) = vox2(tmp_path / "my vox2").utterances("dev")
    assert (utterance.utt, utterance.spk) == ("id00012-21Uxsk56VDQ-00001", "id00012")
    assert utterance.duration_sec == 4.5
    assert utterance.wav == (
        f"ffmpeg -v 8 -i '{tmp_path}/my vox2/dev/aac/id00012/21Uxsk56VDQ/00001.m4a'"
        " -f wav -acodec pcm_s16le - |"
    )


def test_without_ffmpeg_one_message_says_what_to_do(tmp_path, monkeypatch):
    write_m4a(tmp_path / "test/aac/id00017/01dfn2spqyE/00001.m4a")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigError) as error:
        vox2(tmp_path).utterances("test")
    assert str(error.value) == (
        "voxceleb2.test: the recordings are m4a files, and there is no ffmpeg on PATH to decode"
        " them. Install ffmpeg, or convert them to test/wav once."
    )


def test_a_copy_in_wav_needs_no_ffmpeg_and_is_preferred(tmp_path, monkeypatch):
    write_m4a(tmp_path / "dev/aac/id00012/21Uxsk56VDQ/00001.m4a")
    write_wav(tmp_path / "dev/wav/id00012/21Uxsk56VDQ/00001.wav")
    monkeypatch.setattr("shutil.which", lambda name: None)
    (utterance,) = vox2(tmp_path).utterances("dev")
    assert utterance.wav == f"{tmp_path}/dev/wav/id00012/21Uxsk56VDQ/00001.wav"
    write_wav(tmp_path / "dev/wav/id00012/00002.wav")
    with pytest.raises(DataDirError, match="id00012/00002.wav is not <speaker>/<video>"):
        vox2(tmp_path).utterances("dev")


def test_a_missing_part_of_voxceleb2_shows_the_layout_and_the_source(tmp_path):
    (tmp_path / "dev/aac").mkdir(parents=True)
    with pytest.raises(ConfigError) as error:
        vox2(tmp_path).utterances("test")
    said = str(error.value)
    assert f"data.corpora.voxceleb2.root: part 'test' is not in {tmp_path}" in said
    assert "test/aac/id00017/01dfn2spqyE/00001.m4a" in said
    assert "https://" in said


def test_speakers_listed_in_either_style_are_excluded_as_kaldi_excludes_those_of_sitw(tmp_path):
    listed = write_lines(tmp_path / "overlap.txt", "Eartha_Kitt")
    for layout, kept in ((by_number, "id10271"), (by_name, "Ed_O'Neil")):
        root = layout(tmp_path / layout.__name__)
        write_lines(root / "vox1_meta.csv", *META)
        corpus = vox1(root, exclude_speakers=str(listed))
        assert [u.spk for u in corpus.utterances("test")] == [kept]
        assert corpus.notes == ["2 of 3 utterances excluded"]
        assert str(listed) in map(str, corpus.files_read("test"))
