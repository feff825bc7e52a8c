"""Jobs are values: whole, unchangeable, with every time handed in."""

import ast
import dataclasses
from pathlib import Path
from typing import get_args

import pytest

from hl7calf.service.journal import jobs
from hl7calf.service.journal.jobs import Job, Limits, Receipt
from tests.service.journal.building import T0


@pytest.mark.parametrize("kind", get_args(Job), ids=lambda kind: kind.__name__)
def test_a_job_cannot_be_changed_and_knows_when_it_is(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    names = {field.name for field in dataclasses.fields(kind)}
    assert names & {"at", "receipt"}


def test_a_receipt_knows_when_it_came() -> None:
    assert Receipt("orders", "192.0.2.1", 1, T0, b"").received_at == T0


def test_no_clock_is_asked() -> None:
    source = Path(jobs.__file__).read_text("utf-8")
    imported = {
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names
    }
    assert not imported & {"time", "datetime"}


def test_the_window_of_resends_is_the_one_promised() -> None:
    assert (Limits().duplicate_age_s, Limits().duplicate_keys) == (7 * 86_400, 1_000_000)
