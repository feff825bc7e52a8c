"""Results are values, and the states are those of the books."""

import dataclasses

from hl7calf.service.journal import results
from hl7calf.service.journal.results import State
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.views import Books


def test_every_state_has_its_book(store: Store) -> None:
    names = {field.name for field in dataclasses.fields(Books)}
    assert {state.value for state in State} == names - {"received", "duplicates", "purged"}


def test_the_database_knows_exactly_these_states(store: Store) -> None:
    text = store._connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'message'").get
    for state in State:
        assert f"'{state.value}'" in text
    assert text.split("state IN (")[1].split(")")[0].count("'") == 2 * len(State)


def test_results_cannot_be_changed() -> None:
    kinds = [kind for kind in vars(results).values() if dataclasses.is_dataclass(kind) and isinstance(kind, type)]
    assert len(kinds) == 6
    assert all(kind.__dataclass_params__.frozen for kind in kinds)  # type: ignore[attr-defined]
