"""The report in Chromium: no error, every figure drawn, readable on a telephone and in the dark."""

import pytest

from steps_py.report.page import report_of
from tests.support.chromium import chromium

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(finished_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_of(finished_run))
    return path


def check_local(address, errors):
    if not address.startswith(("file:", "data:", "blob:")):
        errors.append(f"asked the network for {address}")


@pytest.fixture(params=[("light", 1200), ("dark", 1200), ("light", 400), ("dark", 400)])
def opened(browser, report, request):
    """A page without a network, and the errors that it printed."""
    scheme, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page, errors = context.new_page(), []
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))
    page.on("request", lambda request: check_local(request.url, errors))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(report.as_uri())
    page.wait_for_function("Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle")
    yield page, errors, scheme, width
    context.close()


def test_it_opens_without_an_error_and_every_figure_is_drawn(opened, finished_run):
    page, errors, _, width = opened
    places = page.locator(".figures > div")
    assert places.count() == 10  # DET, 2 histograms, calibration, gender, F-ratio, 3 curves, map
    canvases = page.locator(".figures .bk-Figure")
    assert canvases.count() == places.count()
    for k in range(places.count()):
        box = canvases.nth(k).bounding_box()
        assert box["height"] > 250
        assert 250 < box["width"] <= width
    assert not errors
    cell = page.locator("#results table").first.locator("tbody tr").first.locator("td").nth(4)
    row = finished_run.results.iloc[0]
    assert cell.inner_text() == f"{row.value:.3f} [{row.low:.2f}, {row.high:.2f}]"


def test_nothing_is_wider_than_the_window_and_text_stands_out(opened):
    page, _, scheme, width = opened
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground, text = page.evaluate(
        "['background-color', 'color'].map(p => getComputedStyle(document.body)[p])"
    )
    brightness = [sum(map(int, c.strip("rgb()").split(","))) / 3 for c in (ground, text)]
    assert (brightness[0] < 60 and brightness[1] > 190) == (scheme == "dark")
    assert abs(brightness[0] - brightness[1]) > 150
