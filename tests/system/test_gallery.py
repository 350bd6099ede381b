"""Galleries: open-set identification, transactions, removal without traces, other systems."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steps_py import load_system
from steps_py.audio.decode import read_file
from steps_py.errors import StepsError
from steps_py.system.gallery_file import GalleryFile, Recording
from steps_py.system.voice import Voice
from tests.support.small_audio import RATE_HZ
from tests.support.small_extractor import write_model
from tests.support.small_system import write_system

ROOT = Path(__file__).parents[2]


def voice(x_E, name="v"):
    return Voice(name, np.asarray(x_E, np.float32), 3.0, 4.0, 0.0)


@pytest.fixture
def gallery(system, tmp_path):
    with system.gallery(tmp_path / "people.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def cosine(system_path, tmp_path_factory):
    """A system of cosines whose ratios are ``20 score - 10``."""
    folder = tmp_path_factory.mktemp("cosine")
    (folder / "list").write_text("a b target\na c nontarget\n")
    path = write_system(folder / "s.swx", system_path.parent / "final.pt", ["cosine"])
    system = load_system(path)
    from steps_py.system.decisions import Calibration

    system._calibration = Calibration(20.0, -10.0, "a test")
    return system


def test_the_enrolled_speaker_is_found_and_a_stranger_is_unknown(cosine, tmp_path):
    gallery = cosine.gallery(tmp_path / "people.sqlite")
    axes = np.eye(6)
    for name, x_E in zip(("anna", "ben", "cy"), axes, strict=False):
        gallery.enrol_voices(name, [voice(x_E)])
    found = gallery.identify_voice(voice(axes[1] + 0.1 * axes[5]), top_k=2)
    assert (found.name, found.decision, found.num_people) == ("ben", "ben", 3)
    assert found.candidates[0].name == "ben"
    assert len(found.candidates) == 2
    stranger = gallery.identify_voice(voice(axes[5]))
    assert (stranger.name, stranger.decision) == (None, "unknown")
    assert stranger.candidates[0].score == pytest.approx(0, abs=1e-6)
    assert stranger.probability_unknown > 0.99
    assert str(stranger).startswith("unknown: nearest")


def test_probabilities_are_those_of_bayes_rule_by_hand(cosine, tmp_path):
    gallery = cosine.gallery(tmp_path / "people.sqlite")
    gallery.enrol_voices("anna", [voice([1, 0, 0, 0, 0, 0])])
    gallery.enrol_voices("ben", [voice([0, 1, 0, 0, 0, 0])])
    found = gallery.identify_voice(voice([3, 4, 0, 0, 0, 0]), prior=0.2)
    ratio = {"anna": np.exp(20 * 0.6 - 10), "ben": np.exp(20 * 0.8 - 10)}
    total = 0.8 + 0.1 * sum(ratio.values())
    assert found.probability_unknown == pytest.approx(0.8 / total, rel=1e-4)
    for candidate in found.candidates:
        assert candidate.probability == pytest.approx(0.1 * ratio[candidate.name] / total, rel=1e-4)


def test_with_one_person_identification_is_verification(system, gallery, wavs):
    gallery.enrol("anna", wavs[0])
    for wav in wavs:
        verdict, found = system.verify(wavs[0], wav), gallery.identify(wav)
        assert found.candidates[0].score == pytest.approx(verdict.score, abs=1e-5)
        assert (found.name == "anna") == verdict.is_same_speaker
        assert found.candidates[0].probability == pytest.approx(verdict.probability, abs=1e-6)


def test_several_recordings_of_a_person_are_averaged(system, gallery, wavs):
    person = gallery.enrol("anna", wavs[:2])
    assert person.num_recordings == 2
    again = gallery.enrol("anna", wavs[2])
    assert again.num_recordings == 3
    assert again.speech_sec == pytest.approx(sum(system.voice(w).speech_sec for w in wavs))
    gallery.enrol("ben", wavs[0])
    scores = {c.name: c.score for c in gallery.identify(wavs[0]).candidates}
    mean_E = system.embed(wavs).mean(axis=0)
    chain = system.chain(several=True)
    expected = chain.score(chain.enroll(mean_E[None], np.array([3])), system.embed(wavs[0]))[0]
    assert scores["anna"] == pytest.approx(expected, abs=1e-4)


def test_cohort_statistics_of_people_are_computed_once(system_path, wavs, tmp_path):
    steps = ["lda", "cosine", "s_norm", "logistic"]
    system = load_system(write_system(tmp_path / "s.swx", system_path.parent / "final.pt", steps))
    gallery = system.gallery(tmp_path / "people.sqlite")
    for name, wav in zip("abc", wavs, strict=True):
        gallery.enrol(name, wav)
    for wav in wavs:
        found = {c.name: c.score for c in gallery.identify(wav).candidates}
        for name, other in zip("abc", wavs, strict=True):
            assert found[name] == pytest.approx(system.verify(other, wav).score, abs=1e-3)


def test_a_system_without_calibration_needs_a_threshold(system_path, wavs, tmp_path):
    path = write_system(tmp_path / "s.swx", system_path.parent / "final.pt", ["cosine"])
    gallery = load_system(path).gallery(tmp_path / "people.sqlite")
    gallery.enrol("anna", wavs[0])
    assert gallery.identify(wavs[0]).decision == "uncalibrated"
    assert gallery.identify(wavs[0], threshold=0.9).name == "anna"
    assert gallery.identify(wavs[0], threshold=1.1).decision == "unknown"


def test_a_stream_ends_with_the_answer_for_the_whole_file(system, gallery, wavs):
    gallery.enrol("anna", wavs[0])
    samples_N = read_file(wavs[1]).samples_CN[0].astype(np.int16)

    def blocks():
        return (samples_N[n : n + 800] for n in range(0, len(samples_N), 800))

    answers = list(gallery.identify_live(blocks(), RATE_HZ))
    assert len(answers) > 2
    assert answers[0].speech_sec < answers[-1].speech_sec
    whole = gallery.identify(wavs[1])
    assert answers[-1].candidates == whole.candidates
    verdicts = list(system.verify_live(wavs[0], blocks(), rate_hz=RATE_HZ))
    assert verdicts[-1].llr == system.verify(wavs[0], wavs[1]).llr


def test_a_removed_person_leaves_no_byte(gallery, wavs):
    name, kept = "Wilhelmina Ypsilanti", gallery
    for n in range(30):
        kept.enrol_voices(f"person {n}", [voice(np.arange(6) + n)])
    marked = voice(np.full(6, 1234.5678), "secret-file-7391.wav")
    kept.enrol_voices(name, [marked])
    path = Path(kept._file.path)
    files = [path, path.with_name(f"{path.name}-wal")]
    traces = [name.encode(), b"secret-file-7391", marked.xvector_E.tobytes()]

    def found():
        content = b"".join(file.read_bytes() for file in files if file.exists())
        return [trace in content for trace in traces]

    assert all(found())
    kept.rename(name, "Nobody Special")
    assert found()[0] is False
    kept.remove("Nobody Special")
    traces.append(b"Nobody Special")
    assert not any(found())
    assert len(kept) == 30


def test_unknown_and_taken_and_bad_names_are_refused(gallery, wavs):
    gallery.enrol("anna", wavs[0])
    gallery.enrol("ben", wavs[1])
    with pytest.raises(StepsError, match="nobody is called 'ana'. Did you mean 'anna'"):
        gallery.remove("ana")
    with pytest.raises(StepsError, match="'ben' is enrolled already"):
        gallery.rename("anna", "ben")
    for name in ("", " a", "a\nb", "x" * 201):
        with pytest.raises(StepsError, match="is no name of a person"):
            gallery.enrol(name, wavs[0])
    with pytest.raises(StepsError, match="no recordings are given"):
        gallery.enrol("cy", [])
    assert [person.name for person in gallery.people()] == ["anna", "ben"]


def test_a_bad_recording_enrols_none_of_the_others(gallery, wavs):
    with pytest.raises(StepsError, match=r"gone\.wav"):
        gallery.enrol("anna", [wavs[0], "gone.wav"])
    assert gallery.people() == []
    with pytest.raises(StepsError, match="nobody is enrolled"):
        gallery.identify(wavs[0])


def test_a_gallery_of_another_system_is_refused(system, gallery, wavs, tmp_path):
    gallery.enrol("anna", wavs[0])
    (tmp_path / "other").mkdir()
    final = write_model(tmp_path / "other", "fbank")
    other = load_system(write_system(tmp_path / "other/s.swx", final))
    with pytest.raises(StepsError, match="enrolled with another system"):
        other.gallery(tmp_path / "people.sqlite")


def test_files_that_are_no_galleries_are_refused(system, tmp_path):
    (tmp_path / "text").write_text("hello, this is no database" * 50)
    with sqlite3.connect(tmp_path / "other.sqlite") as database:
        database.execute("CREATE TABLE t (x)")
    newer = tmp_path / "newer.sqlite"
    GalleryFile(newer).close()
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 3")
    said = {"text": "not a database", "other.sqlite": "no gallery", "newer.sqlite": "has format 3"}
    for name, message in said.items():
        with pytest.raises(StepsError, match=message) as error:
            system.gallery(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(StepsError, match="folder does not exist"):
        system.gallery(tmp_path / "no/people.sqlite")


ENROL = """
import sys
from steps_py.system.gallery_file import GalleryFile, Recording
people = GalleryFile(sys.argv[1])
print("open", flush=True)
for n in range(int(sys.argv[3])):
    vectors = [Recording(f"{n}-{k}.wav", 1.0, bytes(2000)) for k in range(20)]
    people.add(f"{sys.argv[2]}{n}", vectors, "digest", 500)
"""


def enroller(path, name, count):
    command = [sys.executable, "-c", ENROL, str(path), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_kill_in_the_middle_leaves_whole_people_alone(tmp_path):
    path = tmp_path / "people.sqlite"
    process = enroller(path, "p", 100_000)
    process.stdout.readline()
    time.sleep(0.4)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    people = GalleryFile(path).people()
    assert people
    assert {person.num_recordings for person in people} == {20}
    check = sqlite3.connect(path).execute("PRAGMA integrity_check").fetchall()
    assert check == [("ok",)]


def test_two_processes_enrol_at_once(tmp_path):
    path = tmp_path / "people.sqlite"
    processes = [enroller(path, name, 25) for name in ("a", "b")]
    assert [p.communicate()[1] + bytes(p.returncode) for p in processes] == [b"", b""]
    people = GalleryFile(path).people()
    assert len(people) == 50
    assert {person.num_recordings for person in people} == {20}


def test_another_process_s_change_is_seen(system, gallery, wavs):
    gallery.enrol("anna", wavs[0])
    assert gallery.identify(wavs[1]).num_people == 1
    other = system.gallery(gallery._file.path)
    other.enrol("ben", wavs[1])
    assert gallery.identify(wavs[1]).num_people == 2
    other.remove("anna")
    assert [c.name for c in gallery.identify(wavs[1]).candidates] == ["ben"]


def test_vectors_of_another_size_are_damage(system, gallery, wavs):
    gallery.enrol("anna", wavs[0])
    gallery._file.add("ben", [Recording("b", 1.0, bytes(4))], system.embedding_digest, 6)
    with pytest.raises(StepsError, match="vectors of another size"):
        gallery.identify(wavs[0])


@pytest.fixture(scope="module")
def normalised(system_path, tmp_path_factory):
    """Systems whose enrolments have terms of their own: of PLDA, and of a cohort."""
    final = system_path.parent / "final.pt"
    folders = [tmp_path_factory.mktemp(name) for name in ("plda", "cohort")]
    steps = [("centre", "lda", "plda", "logistic"), ("lda", "cosine", "s_norm", "logistic")]
    return [
        load_system(write_system(folder / "s.swx", final, steps_of))
        for folder, steps_of in zip(folders, steps, strict=True)
    ]


CHANGES = st.tuples(
    st.integers(0, 1),  # which of two connections
    st.sampled_from(["enrol", "enrol", "enrol", "remove", "rename", "identify", "identify"]),
    st.sampled_from("abcdef"),
    st.integers(1, 2),  # recordings
)


@settings(max_examples=15, deadline=None)
@given(changes=st.lists(CHANGES, min_size=3, max_size=12), which=st.integers(0, 1))
def test_two_connections_always_identify_as_a_gallery_that_is_opened_anew(
    normalised, changes, which
):
    system, rng = normalised[which], np.random.default_rng(len(changes))
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/people.sqlite"
        both = [system.gallery(path) for _ in range(2)]
        enrolled = set()
        for connection, change, name, count in [*changes, (0, "identify", "", 1)]:
            gallery = both[connection]
            if change == "enrol":
                gallery.enrol_voices(name, [voice(x_E) for x_E in rng.normal(size=(count, 6))])
                enrolled.add(name)
            elif change == "remove" and name in enrolled:
                gallery.remove(name)
                enrolled.remove(name)
            elif change == "rename" and name in enrolled and f"{name}2" not in enrolled:
                gallery.rename(name, f"{name}2")
                enrolled = enrolled - {name} | {f"{name}2"}
            elif change == "identify" and enrolled:
                check_as_if_new(system, path, both, voice(rng.normal(size=6)))
        for gallery in both:
            gallery.close()


def check_as_if_new(system, path, galleries, heard):
    with system.gallery(path) as anew:
        expected = anew.identify_voice(heard, top_k=9)
    for gallery in galleries:
        found = gallery.identify_voice(heard, top_k=9)
        assert found.decision == expected.decision
        scores = [{c.name: c.score for c in which.candidates} for which in (found, expected)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-4)


def test_only_people_who_changed_are_read_again(cosine, tmp_path):
    path, axes = tmp_path / "people.sqlite", np.eye(6)
    gallery, other = cosine.gallery(path), cosine.gallery(path)
    for name, x_E in zip("abcde", axes, strict=False):
        gallery.enrol_voices(name, [voice(x_E)])
    gallery.identify_voice(voice(axes[0]))
    mark = gallery._people._mark
    assert gallery._file.news(mark) is None
    other.enrol_voices("f", [voice(axes[5])])
    other.rename("b", "ben")
    news = gallery._file.news(mark)
    assert (news.names, news.counts, news.remaining) == (["ben", "f"], [1, 1], None)
    assert news.vectors == axes[[1, 5]].astype("<f4").tobytes()
    other.remove("a")
    assert sorted(gallery._file.news(news.mark).remaining) == [2, 3, 4, 5, 6]
    assert gallery.identify_voice(voice(axes[1])).name == "ben"


def test_a_file_of_format_1_is_read_and_its_changes_are_seen(cosine, tmp_path):
    path, axes = tmp_path / "people.sqlite", np.eye(6)
    vector = axes[0].astype("<f4").tobytes()
    with sqlite3.connect(path) as database:
        database.executescript(
            f"""
            CREATE TABLE system (embedding_digest TEXT NOT NULL, embedding_dim INTEGER NOT NULL);
            CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
            CREATE TABLE recordings (id INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES
                people (id) ON DELETE CASCADE, name TEXT NOT NULL, speech_sec REAL NOT NULL,
                vector BLOB NOT NULL);
            INSERT INTO system VALUES ('{cosine.embedding_digest}', 6);
            INSERT INTO people VALUES (1, 'anna');
            INSERT INTO recordings VALUES (1, 1, 'a.wav', 2.5, x'{vector.hex()}');
            PRAGMA application_id = {0x53574758};
            PRAGMA user_version = 1;
            """
        )
    gallery = cosine.gallery(path)
    assert gallery.identify_voice(voice(axes[0])).name == "anna"
    gallery.enrol_voices("ben", [voice(axes[1])])
    with cosine.gallery(path) as other:
        other.rename("anna", "anne")
    assert gallery.identify_voice(voice(axes[0])).name == "anne"
    assert gallery.identify_voice(voice(axes[1])).num_people == 2


CHURN = """
import sys
from steps_py.system.gallery_file import GalleryFile, Recording
people = GalleryFile(sys.argv[1])
for n in range(int(sys.argv[3])):
    people.add(f"{sys.argv[2]}{n}", [Recording("r.wav", 1.0, bytes(24))], "digest", 6)
    if n % 2:
        people.remove(f"{sys.argv[2]}{n}")
"""


def test_two_processes_enrol_and_remove_at_once(tmp_path):
    path = tmp_path / "people.sqlite"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CHURN, str(path), name, "20"], cwd=ROOT, stderr=subprocess.PIPE
        )
        for name in "ab"
    ]
    assert [p.communicate()[1] + bytes(p.returncode) for p in processes] == [b"", b""]
    kept = {f"{name}{n}" for name in "ab" for n in range(0, 20, 2)}
    assert {person.name for person in GalleryFile(path).people()} == kept
