"""A minute's worth of the fuzzer in CI, by hypothesis; the ten minutes of atheris behind `-m soak`."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl7calf.wire.mllp import enframe
from tests.conftest import require_service, shared_folder
from tests.fuzz.target import one_input
from tests.service.served import target

WORDS = st.sampled_from(
    [
        b"MSH|^~\\&|",
        b"\r",
        b"\n",
        b"\x0b",
        b"\x1c",
        b"\x1c\r",
        b"|",
        b"^",
        b"~",
        b"\\",
        b"&",
        b"ORM^O01",
        b"ORC|NW|P",
        b"OBR|1|P||USVENLTDL^US VENOUS LIMITED LEFT^L",
        b"NTE|1||",
        b"calcification",
        b"calf",
        b"left",
        b"\\X63\\",
        b"\xff",
        b"\xc3\xa9",
        b"FHS|^~\\&|",
        b"\xef\xbb\xbf",
    ]
)


@settings(max_examples=150)
@given(st.lists(st.one_of(WORDS, st.binary(max_size=12)), max_size=30).map(b"".join))
def test_no_bytes_make_the_wire_or_the_rule_raise_and_all_are_conserved(data: bytes) -> None:
    one_input(data)


@settings(max_examples=100)
@given(st.data())
def test_an_order_with_a_few_bytes_changed_is_read_or_refused_and_conserved(data: st.DataObject) -> None:
    payload = bytearray(target("FUZZ"))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    one_input(bytes(payload))
    one_input(enframe(bytes(payload)))


@pytest.mark.soak
def test_ten_minutes_of_atheris_find_nothing(tmp_path: Path) -> None:
    require_service("atheris", importlib.util.find_spec("atheris"))
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for number, path in enumerate(sorted(shared_folder("corpus").rglob("*.hl7"))[::10]):
        data = path.read_bytes()
        if len(data) < 1024:
            (seeds / str(number)).write_bytes(enframe(data) if number % 2 else data)
    (seeds / "order").write_bytes(enframe(target("SEED")))
    seconds = os.environ.get("HL7CALF_FUZZ_S", "600")
    root = Path(__file__).resolve().parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root), os.environ.get("PYTHONPATH", "")]),
    }
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz",
            str(seeds),
            f"-max_total_time={seconds}",
            "-max_len=1024",
            "-timeout=25",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    executed = re.search(r"stat::number_of_executed_units: (\d+)|Done (\d+) runs", found.stderr)
    print("fuzz executions:", executed and (executed[1] or executed[2]))  # noqa: T201  # the figure of the soak run
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-1500:]
