from dataclasses import replace

import pytest

from hl7calf.calf.verdict import Mode, Recall, Verdict, nothing_remembered
from hl7calf.service.alarms import Alarms
from hl7calf.service.metrics import Metrics
from hl7calf.service.rule import INEXACT, Terms, proven
from tests.service.doubles import TERMS, events, message, order, passed, rule, upgraded


def test_a_verdict_that_declares_all_it_changed_is_used() -> None:
    payload = order()
    verdict, fault = rule().vet(payload, nothing_remembered)
    assert fault is None and verdict is not None
    assert verdict.outbound == payload.replace(b"LIM", b"FUL", 1)


def changed(outbound: bytes) -> Verdict:
    return replace(upgraded(order()), outbound=outbound)


@pytest.mark.parametrize(
    "verdict",
    [
        changed(order().replace(b"LIM", b"FUL", 1) + b"ZZZ\r"),
        changed(order()[:-1]),
        changed(order()),
        replace(passed(order()), outbound=b"other"),
        upgraded(order("OTHER")),
        replace(upgraded(order()), payload=order(), outbound=upgraded(order("B2")).outbound),
    ],
    ids=["more", "less", "declared but not done", "undeclared", "of another message", "of another's bytes"],
)
def test_a_verdict_that_changed_more_or_less_than_it_declared_is_not_used(verdict: Verdict) -> None:
    assert not proven(verdict, order())
    assert rule(vet=lambda *_: verdict).vet(order(), nothing_remembered) == (None, INEXACT)


def test_an_unchanged_verdict_hands_the_very_same_bytes_on() -> None:
    payload = message()
    verdict, _ = rule(vet=lambda payload, terms, recall: passed(payload)).vet(payload, nothing_remembered)
    assert verdict is not None and verdict.outbound is payload


def test_the_terms_are_those_of_the_moment_of_vetting() -> None:
    seen: list[Terms] = []

    def vet(payload: bytes, terms: Terms, recall: Recall) -> Verdict:
        seen.append(terms)
        return passed(payload)

    one = rule(vet=vet)
    one.vet(message(), nothing_remembered)
    one.replace(replace(TERMS, mode=Mode.OBSERVE))
    one.vet(message(), nothing_remembered)
    assert [terms.mode for terms in seen] == [Mode.UPGRADE, Mode.OBSERVE]


def test_r14_five_failures_in_five_minutes_switch_the_rule_off_with_an_alarm() -> None:
    alarms = Alarms(Metrics())
    one = rule(alarms=alarms)
    with events() as seen:
        for second in (0, 10, 20, 30):
            one.failed("V_FAILED", "orders", second)
        assert one.on
        one.failed("V_TIMEOUT", "orders", 299)
    assert not one.on
    assert [alarm.code for alarm in alarms.active] == ["V_RULE_OFF"]
    assert seen.codes == ["V_FAILED"] * 4 + ["V_TIMEOUT", "V_RULE_OFF"]


def test_failures_that_are_far_apart_do_not() -> None:
    one = rule()
    for second in range(0, 3000, 76):
        one.failed("V_FAILED", "orders", second)
    assert one.on


def test_new_terms_try_the_rule_again_with_a_clean_slate() -> None:
    alarms = Alarms(Metrics())
    one = rule(alarms=alarms)
    for _ in range(5):
        one.failed("V_FAILED", "orders", 0)
    one.replace(TERMS)
    assert one.on and alarms.active == []
    for _ in range(4):
        one.failed("V_FAILED", "orders", 1)
    assert one.on
