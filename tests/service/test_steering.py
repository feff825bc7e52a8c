from hl7calf.calf.verdict import Mode, Policy
from hl7calf.service.alarms import Alarms
from hl7calf.service.metrics import Metrics
from hl7calf.service.rule import Rule
from hl7calf.service.steering import Course, Steering
from tests.service.doubles import events, rule

POLICY = Policy("RAD-1", "1")


class Bench:
    def __init__(self, mode: Mode = Mode.UPGRADE) -> None:
        self.lapsed = ""
        self.metrics = Metrics()
        self.alarms = Alarms(self.metrics)
        self.rule: Rule = rule(alarms=self.alarms)
        self.steering = Steering(self.rule, self.course("d1"), mode, self.alarms, self.metrics, lambda: 0.0)

    def course(self, digest: str) -> Course:
        return Course(f"tables {digest}", digest, "options", POLICY, self.allowed)

    def allowed(self, wanted: Mode) -> tuple[Mode, str]:
        return (Mode.ANNOTATE, self.lapsed) if self.lapsed and wanted is Mode.UPGRADE else (wanted, "")


def test_the_rule_goes_by_what_people_chose() -> None:
    bench = Bench(Mode.ANNOTATE)
    assert (bench.rule.terms.mode, bench.rule.terms.digest, bench.rule.terms.policy) == (Mode.ANNOTATE, "d1", POLICY)
    bench.steering.set_mode(Mode.UPGRADE)
    assert bench.steering.mode is Mode.UPGRADE
    assert b'mode_info{mode="upgrade"} 1.0' in bench.metrics.exposition()


def test_p23_the_kill_switch_holds_from_the_next_message_on() -> None:
    bench = Bench()
    with events() as seen:
        bench.steering.set_mode(Mode.OBSERVE)
    assert bench.rule.terms.mode is Mode.OBSERVE
    assert seen.codes == ["S_MODE"]


def test_a_policy_that_ran_out_lowers_the_mode_loudly_and_once() -> None:
    bench = Bench()
    bench.lapsed = "the policy was valid until yesterday"
    with events() as seen:
        bench.steering.look_at_the_date()
        bench.steering.look_at_the_date()
    assert (bench.steering.mode, bench.steering.wanted) == (Mode.ANNOTATE, Mode.UPGRADE)
    assert bench.rule.terms.policy == Policy("RAD-1", "1", in_force=False)
    assert seen.codes == ["S_MODE", "S_POLICY_LAPSED"]
    assert [alarm.code for alarm in bench.alarms.active] == ["S_POLICY_LAPSED"]


def test_a_renewed_policy_restores_it() -> None:
    bench = Bench()
    bench.lapsed = "over"
    bench.steering.look_at_the_date()
    bench.lapsed = ""
    bench.steering.set_course(bench.course("d2"))
    assert bench.steering.mode is Mode.UPGRADE
    assert bench.rule.terms.policy == POLICY
    assert bench.alarms.active == []
    assert b'digest="d2"' in bench.metrics.exposition() and b'digest="d1"' not in bench.metrics.exposition()


def test_a_reload_tries_a_rule_again_that_was_switched_off_even_when_nothing_else_changed() -> None:
    bench = Bench()
    for _ in range(5):
        bench.rule.failed("V_FAILED", "orders", 0.0)
    bench.steering.look_at_the_date()
    assert not bench.rule.on
    bench.steering.set_course(bench.course("d1"))
    assert bench.rule.on
