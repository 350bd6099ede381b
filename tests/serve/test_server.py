"""The HTTP server: answers equal those of the library, limits, keys, and the end."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from steps_py.errors import ConfigError, StepsError
from steps_py.serve.config import ServeConfig, api_key_of
from steps_py.serve.run import listen
from tests.serve.conftest import ask, form_of, running

RAW = {"Content-Type": "audio/wav"}
KEY = "0123456789abcdef"


def plain(answer):
    return json.loads(json.dumps(answer))


def test_embed_answers_the_x_vector_of_the_library(port, served_system, voices, sounds):
    status, found, headers = ask(port, "POST", "/embed", sounds[0], RAW)
    assert status == 200
    expected = served_system.embed(voices[0])
    np.testing.assert_allclose(found["xvector"], expected, rtol=1e-6)
    assert found["duration_sec"] == 3.0
    assert headers["Cache-Control"] == "no-store"
    assert ask(port, "POST", "/embed", *form_of(audio=sounds[0]))[1]["xvector"] == found["xvector"]


def test_verify_answers_the_verdict_of_the_library(port, served_system, voices, sounds):
    body, headers = form_of(first=sounds[0], second=sounds[1])
    status, found, _ = ask(port, "POST", "/verify?prior=0.01", body, headers)
    expected = plain(served_system.verify(voices[0], voices[1], 0.01).as_dict())
    assert found["evidence"]["recordings"] == ["first.wav", "second.wav"]
    for answer in (found, expected):  # they have the names of the files
        answer["evidence"].pop("recordings")
        answer["warnings"] = len(answer["warnings"])
    assert (status, found) == (200, expected)


def test_people_are_enrolled_identified_listed_and_removed(served_system, sounds, tmp_path):
    with running(served_system, tmp_path / "people.sqlite") as port:
        assert ask(port, "POST", "/identify", sounds[0], RAW)[1] == {
            "error": "gallery: nobody is enrolled. Enrol somebody first."
        }
        status, found, _ = ask(port, "POST", "/enrol?name=anna", *form_of(audio=[sounds[0]] * 2))
        assert (status, found["name"], found["num_recordings"]) == (200, "anna", 2)
        assert ask(port, "POST", "/enrol?name=ben", sounds[1], RAW)[0] == 200
        status, found, _ = ask(port, "POST", "/identify?top=1", sounds[0], RAW)
        expected = served_system.gallery(tmp_path / "people.sqlite")
        assert [c["name"] for c in found["candidates"]] == ["anna"]
        assert found["num_people"] == 2
        assert [p["name"] for p in ask(port, "GET", "/people")[1]] == ["anna", "ben"]
        assert ask(port, "DELETE", "/people?name=anna")[:2] == (200, {"removed": "anna"})
        status, found, _ = ask(port, "DELETE", "/people?name=anna")
        assert status == 409
        assert found["error"].startswith("gallery: nobody is called 'anna'")
        assert [person.name for person in expected.people()] == ["ben"]
        expected.close()


def test_health_metrics_and_the_page_of_requests_are_there(port, served_system):
    status, health, _ = ask(port, "GET", "/health")
    assert (status, health["status"], health["system"]) == (200, "ok", served_system.digest)
    text = ask(port, "GET", "/metrics")[1]
    assert 'sidewinder_requests_total{path="/health",status="200"}' in text
    paths = ask(port, "GET", "/openapi.json")[1]["paths"]
    assert set(paths) == {
        "/embed", "/verify", "/enrol", "/identify", "/health", "/metrics", "/people",
    }  # fmt: skip
    for page in ("/", "/docs"):
        status, text, headers = ask(port, "GET", page)
        assert status == 200
        assert "http://" not in text and "https://" not in text.replace("on https or", "")
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_recording_is_not_kept_unless_the_server_was_started_to(served_system, sounds, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    with running(served_system, tmp_path / "people.sqlite", keep_audio=str(folder)) as port:
        assert ask(port, "POST", "/embed", *form_of(audio=sounds[2]))[0] == 200
    [kept] = folder.iterdir()
    assert kept.read_bytes() == sounds[2]


def test_limits_of_bytes_seconds_and_waiting_requests_are_kept(served_system, sounds, tmp_path):
    limits = {"max_body_mb": 0.1, "max_audio_sec": 2.0, "timeout_sec": 1.0}
    with running(served_system, tmp_path / "people.sqlite", **limits) as port:
        status, found, _ = ask(port, "POST", "/embed", bytes(200_000), RAW)
        assert (status, found["error"][:24]) == (413, "body: more than 0.1 MB. ")
        chunked = iter([bytes(60_000)] * 3)
        assert ask(port, "POST", "/embed", chunked, RAW)[0] == 413
        status, found, _ = ask(port, "POST", "/embed", sounds[0], RAW)
        assert (status, found["error"]) == (413, "audio: more than 2 s long. Send a part of it.")


def test_requests_beyond_the_queue_get_429_and_the_others_their_answers(
    served_system, sounds, tmp_path, monkeypatch
):
    compute, begun, go_on = served_system.voices_of_waves, threading.Event(), threading.Event()

    def slow(named):
        begun.set()
        go_on.wait(20)
        return compute(named)

    monkeypatch.setattr(served_system, "voices_of_waves", slow)
    answers = []
    with running(served_system, tmp_path / "people.sqlite", max_waiting=3) as port:

        def client():
            answers.append(ask(port, "POST", "/embed", sounds[0], RAW))

        threads = [threading.Thread(target=client) for _ in range(6)]
        for thread in threads:
            thread.start()
        while len(answers) < 3:
            time.sleep(0.01)
        assert begun.is_set()
        assert {answer[0] for answer in answers} == {429}
        assert answers[0][2]["Retry-After"] == "1"
        go_on.set()
        for thread in threads:
            thread.join()
    assert sorted(answer[0] for answer in answers) == [200] * 3 + [429] * 3


def test_a_recording_that_fails_does_not_fail_those_of_its_batch(served_system, sounds, tmp_path):
    silent = sounds[0][:44] + bytes(len(sounds[0]) - 44)
    answers = {}
    with running(served_system, tmp_path / "people.sqlite") as port:

        def client(number):
            body = silent if number == 2 else sounds[number % 3]
            answers[number] = ask(port, "POST", "/embed", body, RAW)[:2]

        threads = [threading.Thread(target=client, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        text = ask(port, "GET", "/metrics")[1]
    assert [answers[n][0] for n in range(6)] == [200, 200, 422, 200, 200, 200]
    assert answers[2][1]["error"].startswith("audio: 3.0 s of silence")
    assert answers[0][1]["xvector"] == answers[3][1]["xvector"]
    assert "sidewinder_batch_recordings_count" in text


@pytest.fixture(scope="module")
def keyed(served_system, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keyed")
    with running(served_system, folder / "people.sqlite", api_key=KEY) as port:
        yield port


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"X-API-Key": KEY}, 200),
        ({"Authorization": f"Bearer {KEY}", "Host": "example.org"}, 200),
    ],
)
def test_a_key_opens_all_paths(keyed, headers, status):
    assert ask(keyed, "GET", "/people", headers=headers)[0] == status
    assert ask(keyed, "GET", "/metrics", headers=headers)[0] == status
    assert ask(keyed, "GET", "/health")[0] == 200


@pytest.mark.parametrize(
    "headers", [{"Host": "example.org"}, {"Origin": "https://example.org"}, {"Origin": "null"}]
)
def test_without_a_key_pages_of_other_sites_are_refused(port, headers):
    assert ask(port, "GET", "/people", headers=headers)[0] == 403


def test_without_a_key_only_addresses_of_this_machine_are_allowed(tmp_path):
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0: other machines reach this address"):
        ServeConfig(host="0.0.0.0")
    assert ServeConfig(host="0.0.0.0", api_key=KEY).port == 8000
    (tmp_path / "key").write_text(KEY + "\n")
    assert api_key_of(tmp_path / "key", {}) == KEY
    with pytest.raises(ConfigError, match="SIDEWINDER_API_KEY: is no key"):
        api_key_of(None, {"SIDEWINDER_API_KEY": "short"})


def test_an_address_that_is_taken_is_named():
    with listen(ServeConfig(port=0)) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(StepsError, match=rf"127\.0\.0\.1:{port}: cannot listen there"):
            listen(ServeConfig(port=port))


def test_the_pages_are_part_of_the_package():
    text = Path("pyproject.toml").read_text()
    assert '"steps_py.serve" = ["*.html"]' in text
