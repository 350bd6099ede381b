"""The page of the server in Chromium: files and a recording, verdicts, people; no other host."""

import re

import pytest
from playwright.sync_api import expect

from tests.serve.conftest import running
from tests.support.chromium import chromium

WAIT_MS = 60_000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(voices):
    microphone = f"--use-file-for-fake-audio-capture={voices[0]}"
    fake = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", microphone
    with chromium(*fake) as browser:
        yield browser


@pytest.fixture
def opened(browser, served_system, tmp_path):
    """The page, and the errors and requests to other hosts that it made."""
    with running(served_system, tmp_path / "people.sqlite") as port:
        context = browser.new_context(viewport={"width": 400, "height": 900})
        context.set_default_timeout(WAIT_MS)
        page, errors, own = context.new_page(), [], f"http://127.0.0.1:{port}/"

        def check(request):
            if not request.url.startswith((own, f"blob:{own[:-1]}", "data:")):
                errors.append(f"asked for {request.url}")

        page.on("console", lambda said: said.type == "error" and errors.append(said.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", check)
        page.goto(own)
        yield page, errors
        context.close()


def answer_in(page, place):
    line = page.locator(f"#{place}")
    expect(line).to_have_text(re.compile("[^…]"), timeout=WAIT_MS)
    return line.inner_text()


def test_two_files_are_compared_and_the_evidence_is_shown(opened, served_system, voices):
    page, errors = opened
    page.locator("#first input[type=file]").set_input_files(voices[0])
    page.locator("#second input[type=file]").set_input_files(voices[1])
    page.locator("#verify").click()
    verdict = served_system.verify(voices[0], voices[1])
    said = f"{verdict.decision}, probability {verdict.probability:.4f}"
    assert answer_in(page, "verdict") == said
    evidence = page.locator("#evidence").inner_text()
    assert f"{verdict.llr:.3f}, yes from 0.000 on (prior 0.5)" in evidence
    assert "3.0 s and 3.0 s" in evidence
    assert "a.wav: 1.6 s of speech; below 2 s" in evidence
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert not errors


def test_people_are_enrolled_from_the_microphone_identified_and_removed(opened, voices):
    page, errors = opened
    assert page.locator("#about").inner_text().endswith("8000 Hz")
    page.locator("#identify").click()
    assert answer_in(page, "who") == "audio: no recording yet."
    page.locator("#voice button").click()
    recorded = page.locator("#voice p")
    expect(recorded).to_have_text(re.compile("recording: [3-9]"), timeout=WAIT_MS)
    page.locator("#voice button").click()
    page.locator("#name").fill("<b>anna</b>")
    page.locator("#enrol").click()
    page.wait_for_selector("#people button")
    assert answer_in(page, "who").startswith("<b>anna</b>: 1 recordings")
    page.locator("#identify").click()
    page.wait_for_selector("#candidates th")
    assert answer_in(page, "who") == "<b>anna</b>"
    page.locator("#people button").click()
    expect(page.locator("#people button")).to_have_count(0, timeout=WAIT_MS)
    assert answer_in(page, "who") == "<b>anna</b>: removed"
    assert not errors


def test_the_page_of_requests_lists_all_of_them(opened):
    page, errors = opened
    page.get_by_text("Requests for programs").click()
    page.wait_for_selector("h2")
    assert page.locator("h2").count() == 8
    assert "resample" in page.locator("#paths").inner_text()
    assert not errors
