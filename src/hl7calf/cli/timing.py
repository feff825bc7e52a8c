"""How long vetting takes, for `bench`: best of several rounds, in this process, without sockets or disk."""

from collections.abc import Callable
from time import perf_counter

from hl7calf.cli.bench import Figure

ROUNDS = 5


def vetting_figures() -> list[Figure]:
    """Return the time of the three kinds of message: no order, an order without the words, a changed order."""
    from hl7calf.calf.tables import load_tables
    from hl7calf.calf.vetting import triage, vet
    from hl7calf.cli.load import message
    from hl7calf.service.mappings import read_mappings, shipped_mappings, shipped_samples

    tables = load_tables(read_mappings(shipped_mappings()))
    order = message("B1")
    other = order.replace(b"ORM^O01^ORM_O01", b"ADT^A08^ADT_A01")
    changed = sorted((shipped_samples() / "upgraded").glob("epic*[!d].hl7"))[0].read_bytes()
    non_order_us = 1e6 * _best(lambda: triage(other, tables), 2000)
    wordless_us = 1e6 * _best(lambda: vet(order, tables, thorough=False), 500)
    changed_ms = 1e3 * _best(lambda: vet(changed, tables, thorough=False), 20)
    return [
        Figure("vetting a message that is no order", non_order_us, "us", "under 10 us", non_order_us < 10),
        Figure("vetting an order without the words", wordless_us, "us", "under 100 us", wordless_us < 100),
        Figure("vetting a changed order, with its proof", changed_ms, "ms", "under 5 ms", changed_ms < 5),
    ]


def _best(work: Callable[[], object], times: int) -> float:
    """Return the seconds of one call in the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = perf_counter()
        for _ in range(times):
            work()
        best = min(best, (perf_counter() - started) / times)
    return best
