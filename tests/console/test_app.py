from twisted.internet.defer import succeed

from hl7calf.console.app import QuietSite, build_console
from hl7calf.console.limits import SmallRequest
from tests.console.asking import Browser
from tests.console.stage import Stage


def test_the_site_keeps_bodies_small_unparsed_and_shows_no_traceback(stage: Stage) -> None:
    site = build_console(stage.desk, lambda draw: succeed(draw()))
    assert site.requestFactory is SmallRequest
    assert site._parsePOSTFormSubmission is False
    assert site.displayTracebacks is False
    assert site.timeOut == 60.0


def test_no_access_log_is_written(stage: Stage) -> None:
    site = build_console(stage.desk, lambda draw: succeed(draw()))
    assert isinstance(site, QuietSite)
    browser = Browser(stage.desk)
    browser._site.logFile = None  # writing to it would fail
    assert browser.get("/sign-in").status == 200
