"""What every test file may lean on: the material beside the checkout, and the rule for absent services.

Both are plain functions (`from tests.conftest import require_service`), for use while tests are collected, and
fixtures of the same name, for use within a test.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

SHARED = Path(__file__).resolve().parents[2] / "shared"

# A busy machine is not a failing test: time budgets are asserted where they are the subject.
settings.register_profile("hl7calf", deadline=None)
settings.load_profile("hl7calf")


def shared_folder(part: str = "") -> Path:
    """Return `part` of the folder `shared` beside the checkout (labelled orders, corpus); skip where it is absent."""
    folder = SHARED / part
    if not folder.exists():
        pytest.skip(f"the material beside the checkout is absent: shared/{part}", allow_module_level=True)
    return folder


def require_service(name: str, available: object) -> None:
    """Skip, with the reason, a test whose server, browser or tool is absent; fail where all of them must be there.

    Args:
        name: what a person would install, such as `PostgreSQL`.
        available: true where it is there; the result of `shutil.which` will do.
    """
    if available:
        return
    if os.environ.get("HL7CALF_REQUIRE_SERVICES") == "1":
        pytest.fail(
            f"{name} is not on this machine, and HL7CALF_REQUIRE_SERVICES=1 says that it must be", pytrace=False
        )
    pytest.skip(f"{name} is not on this machine", allow_module_level=True)


@pytest.fixture(name="shared_folder", scope="session")
def _shared_folder() -> Path:
    return shared_folder()


@pytest.fixture(name="require_service", scope="session")
def _require_service() -> Callable[[str, object], None]:
    return require_service
