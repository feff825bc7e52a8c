"""Is the order in English? Where not, the English rules stay off (X28)."""

import pytest

from hl7calf.calf.language import is_foreign
from tests.calf.building import codes, decide, passage


@pytest.mark.parametrize("text", [
    "Verkalkung der linken Wade mit Schmerzen seit drei Tagen",
    "Calcification du mollet gauche, douleur depuis 3 jours, recherche de thrombose",
    "Calcificacion en la pantorrilla izquierda con dolor, descartar TVP",
    "Calcificacao na panturrilha esquerda com dor, suspeita de TVP",
])  # fmt: skip
def test_four_other_languages_are_told_from_english(text: str) -> None:
    assert is_foreign([passage(text)])
    assert decide(text).action == "pass"


@pytest.mark.parametrize("text", [
    "Left calf calcification on x-ray, pain 5 days",
    "calc L calf",
    "Pt de la Cruz, left calf calcification",
    "left calf calcification per Dr von der Linden",
    "",
])  # fmt: skip
def test_a_name_or_a_telegram_is_not_another_language(text: str) -> None:
    assert not is_foreign([passage(text)])


def test_only_free_text_counts() -> None:
    assert not is_foreign([passage("ECHO-DOPPLER VEINES DU MOLLET GAUCHE AVEC ET SANS", kind="name")])


def test_the_gate_says_so() -> None:
    assert codes(decide("Verkalkung der linken Wade mit Schmerzen seit drei Tagen")) == ["X28"]
