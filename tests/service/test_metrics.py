import re

from hl7calf.service.metrics import Metrics, RouteMetrics

CONTRACT = """
received_total acked_total delivered_total queued parked quarantined rejected_total oldest_queued_seconds verdict_total
vet_seconds commit_seconds delivery_seconds frame_fault_total unknown_outcome_total connections mode_info mappings_info
books_unbalanced
""".split()


def shown(metrics: Metrics) -> str:
    return metrics.exposition().decode()


def test_every_metric_of_the_contract_is_there_under_its_name() -> None:
    metrics = Metrics()
    route = RouteMetrics(metrics, "orders")
    route.acked("AA")
    route.rejected("AR")
    route.verdict("upgrade", "")
    route.frame_fault("F_TORN")
    metrics.set_mode("observe")
    metrics.set_mappings("abc")
    for gauge in (
        metrics.queued,
        metrics.parked,
        metrics.quarantined,
        metrics.oldest_queued_seconds,
        metrics.books_unbalanced,
    ):
        gauge.labels("orders").set(0)
    route.connections(0)
    text = shown(metrics)
    for name in CONTRACT:
        assert re.search(rf"^hl7calf_{name}(_count|_bucket|_sum)?[{{ ]", text, re.MULTILINE), name


def test_labels_are_route_and_closed_codes_only() -> None:
    metrics = Metrics()
    RouteMetrics(metrics, "orders").verdict("pass", "X3")
    labels = set(re.findall(r'(\w+)="', shown(metrics)))
    assert labels <= {"route", "code", "action", "gate", "mode", "digest", "le"}


def test_mode_and_mappings_show_one_value_at_a_time() -> None:
    metrics = Metrics()
    for mode in ("observe", "upgrade"):
        metrics.set_mode(mode)
        metrics.set_mappings(mode)
    text = shown(metrics)
    assert 'mode="upgrade"' in text and "observe" not in text


def test_two_processes_in_one_test_do_not_share_a_registry() -> None:
    first, second = Metrics(), Metrics()
    RouteMetrics(first, "orders").received()
    RouteMetrics(second, "orders")
    assert 'hl7calf_received_total{route="orders"} 1.0' in shown(first)
    assert 'hl7calf_received_total{route="orders"} 0.0' in shown(second)


def test_no_series_says_when_it_was_made() -> None:
    metrics = Metrics()
    RouteMetrics(metrics, "orders")
    assert "_created" not in shown(metrics)
