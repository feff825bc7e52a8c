"""The lexicons of other languages: right on orders in the language, silent on English ones, off unless asked for.

Each order is told as: name of the study, reason, what is indicated, status of the calcification, side, and facts that
must be among those read. All are invented.
"""

import json
from functools import lru_cache
from pathlib import Path

import pytest

from hl7calf.calf.check import check_mappings
from hl7calf.calf.examples import order_message, text_order
from hl7calf.calf.indication import Indication, read_indication
from hl7calf.calf.languages import language_of, languages_of
from hl7calf.calf.tables import Tables, load_tables
from hl7calf.calf.vetting import vet
from hl7calf.errors import MappingError
from hl7calf.service.mappings import read_mappings, shipped_mappings
from tests.small_mappings import small_mappings

LIMITED = "US VENOUS LIMITED LEFT"
Order = tuple[str, str, str, str, str | None, str]
ORDERS: dict[str, list[Order]] = {
    "es": [
        (
            LIMITED,
            "Calcificación inespecífica en pantorrilla izquierda en Rx, dolor desde hace 5 días, descartar TVP",
            "upgrade",
            "affirmed",
            "L",
            "pain, 5 days, XR",
        ),
        (
            "ECO DOPPLER VENOSO LIMITADO PIERNA DERECHA",
            "calcificaciones en gemelo dcho, hinchazón, antecedente de TVP",
            "upgrade",
            "affirmed",
            "R",
            "swelling, prior_dvt",
        ),
        (LIMITED, "sin calcificación en pantorrilla izquierda, dolor", "pass", "negated", None, ""),
        (LIMITED, "dolor en pantorrilla izquierda, calcificación en rodilla", "pass", "affirmed", None, ""),
        (
            "ECO DOPPLER VENOSO COMPLETO PIERNA IZQUIERDA",
            "calcificación de pantorrilla izquierda, bulto palpable",
            "annotate",
            "affirmed",
            "L",
            "mass",
        ),
        (LIMITED, "posible calcificación en pantorrilla izda, descartar TVP", "upgrade", "uncertain", "L", ""),
        (LIMITED, "calcificación extirpada de pantorrilla izquierda, control", "pass", "historical", None, ""),
        (LIMITED, "calcificación en pantorrilla izquierda, pierna con escayola", "review", "affirmed", "L", "X16"),
        (LIMITED, "calcificación en pantorrilla derecha", "review", "affirmed", None, "X21"),
        (LIMITED, "sin TVP ni calcificación en pantorrilla izquierda", "pass", "negated", None, ""),
        (
            LIMITED,
            "madre con TVP. Calcificación en pantorrilla izquierda, embarazada",
            "upgrade",
            "affirmed",
            "L",
            "pregnancy",
        ),
        ("TAC PIERNA IZQUIERDA", "calcificación en pantorrilla izquierda", "pass", "affirmed", None, ""),
    ],
    "fr": [
        (
            LIMITED,
            "Calcification du mollet gauche sur radiographie, douleur depuis 3 semaines, recherche de TVP",
            "upgrade",
            "affirmed",
            "L",
            "pain, 3 weeks, XR",
        ),
        (
            "ECHO DOPPLER VEINEUX LIMITE JAMBE DROITE",
            "calcifications du soléaire droit, œdème, atcd de phlébite",
            "upgrade",
            "affirmed",
            "R",
            "swelling, prior_dvt",
        ),
        (LIMITED, "pas de calcification du mollet gauche, douleur", "pass", "negated", None, ""),
        (LIMITED, "douleur du mollet gauche, calcification du genou", "pass", "affirmed", None, ""),
        (
            "ECHO DOPPLER VEINEUX COMPLET JAMBE GAUCHE",
            "calcification du mollet gauche, masse palpable",
            "annotate",
            "affirmed",
            "L",
            "mass",
        ),
        (LIMITED, "suspicion de calcification du mollet gauche", "upgrade", "uncertain", "L", ""),
        (LIMITED, "calcification du mollet gauche opérée, contrôle", "pass", "historical", None, ""),
        (LIMITED, "calcification du mollet gauche, jambe dans le plâtre", "review", "affirmed", "L", "X16"),
        (LIMITED, "calcification du mollet droit", "review", "affirmed", None, "X21"),
        (LIMITED, "pas de TVP ni calcification du mollet gauche", "pass", "negated", None, ""),
        (LIMITED, "mère avec TVP. Calcification du mollet gauche, enceinte", "upgrade", "affirmed", "L", "pregnancy"),
        ("SCANNER JAMBE GAUCHE", "calcification du mollet gauche", "pass", "affirmed", None, ""),
    ],
    "de": [
        (
            LIMITED,
            "Unklare Verkalkung linke Wade im Röntgen, Schmerzen seit 5 Tagen, Ausschluss TVT",
            "upgrade",
            "affirmed",
            "L",
            "pain, 5 days, XR",
        ),
        (
            "DUPLEX BEINVENEN LIMITIERT RECHTS",
            "Wadenverkalkung rechts, Schwellung, Z.n. TVT",
            "upgrade",
            "affirmed",
            "R",
            "swelling, prior_dvt",
        ),
        (LIMITED, "keine Verkalkung linke Wade, Schmerzen", "pass", "negated", None, ""),
        (LIMITED, "Schmerzen linke Wade, Verkalkung Kniegelenk", "pass", "affirmed", None, ""),
        (
            "DUPLEX BEINVENEN KOMPLETT LINKS",
            "Verkalkung linker Unterschenkel, tastbarer Knoten",
            "annotate",
            "affirmed",
            "L",
            "mass",
        ),
        (LIMITED, "V.a. Verkalkung linke Wade", "upgrade", "uncertain", "L", ""),
        (LIMITED, "Verkalkung linke Wade entfernt, Kontrolle", "pass", "historical", None, ""),
        (LIMITED, "Verkalkung linke Wade, Bein im Gips", "review", "affirmed", "L", "X16"),
        (LIMITED, "Verkalkung rechte Wade", "review", "affirmed", None, "X21"),
        (LIMITED, "weder TVT noch Verkalkung linke Wade", "pass", "negated", None, ""),
        (LIMITED, "Mutter mit TVT. Verkalkung linke Wade, schwanger", "upgrade", "affirmed", "L", "pregnancy"),
        ("RÖNTGEN UNTERSCHENKEL LINKS", "Verkalkung linke Wade", "pass", "affirmed", None, ""),
    ],
    "pt": [
        (
            LIMITED,
            "Calcificação inespecífica na panturrilha esquerda em RX, dor há 5 dias, descartar TVP",
            "upgrade",
            "affirmed",
            "L",
            "pain, 5 days, XR",
        ),
        (
            "DOPPLER VENOSO LIMITADO PERNA DIREITA",
            "calcificações no gastrocnêmio direito com inchaço, antecedente de TVP",
            "upgrade",
            "affirmed",
            "R",
            "swelling, prior_dvt",
        ),
        (LIMITED, "sem calcificação na panturrilha esquerda, dor", "pass", "negated", None, ""),
        (LIMITED, "dor na panturrilha esquerda, calcificação no joelho", "pass", "affirmed", None, ""),
        (
            "ECODOPPLER VENOSO COMPLETO PERNA ESQUERDA",
            "calcificação da panturrilha esquerda, caroço palpável",
            "annotate",
            "affirmed",
            "L",
            "mass",
        ),
        (LIMITED, "possível calcificação na panturrilha esq, descartar TVP", "upgrade", "uncertain", "L", ""),
        (LIMITED, "calcificação da panturrilha esquerda removida, controle", "pass", "historical", None, ""),
        (LIMITED, "calcificação na panturrilha esquerda, perna com gesso", "review", "affirmed", "L", "X16"),
        (LIMITED, "calcificação na panturrilha direita", "review", "affirmed", None, "X21"),
        (LIMITED, "sem TVP nem calcificação na panturrilha esquerda", "pass", "negated", None, ""),
        (
            LIMITED,
            "mãe com TVP. Calcificação na panturrilha esquerda, gestante",
            "upgrade",
            "affirmed",
            "L",
            "pregnancy",
        ),
        ("TOMOGRAFIA PERNA ESQUERDA", "calcificação na panturrilha esquerda", "pass", "affirmed", None, ""),
    ],
}
NEVER_RAISED: dict[str, list[str]] = {
    "es": [
        "no se observan calcificaciones ni masas en pantorrilla izquierda",
        "en la pantorrilla izquierda no se aprecian calcificaciones",
        "calcificación en pantorrilla izquierda: no se observa",
        "no identificada calcificación en pantorrilla izquierda",
        "calcificaciones en pantorrilla izquierda no se ven",
        "no se observa calcificación en pantorrilla izquierda",
        "calcificación descartada en pantorrilla izquierda",
        "calcificaciones: no. dolor pantorrilla izquierda",
        "ausencia de calcificaciones en pantorrilla izquierda",
        "calcificación no visible en pantorrilla izquierda",
        "calcificación mamaria, dolor pantorrilla izquierda",
        "calcificación arterial, dolor en pantorrilla izquierda",
        "se descarta calcificación en pantorrilla izquierda",
        "sin dolor, edema o calcificación en pantorrilla izquierda",
        "sin dolor ni edema ni calcificaciones en pantorrilla izquierda",
        "no hay calcificación en pantorrilla izquierda",
        "calcificación en tobillo izquierdo, pantorrilla con dolor",
        "sin evidencia de calcificación en la pantorrilla izquierda",
        "no hay dolor y tampoco calcificacion en pantorrilla izquierda",
        "Rx pantorrilla izquierda normal, sin fracturas y sin calcificaciones",
        "calcificación previa resecada, dolor pantorrilla izquierda",
        "no presenta edema ni calcificación pantorrilla izq",
        "niño de 12 años, calcificación en pantorrilla izquierda",
    ],
    "fr": [
        "non visible calcification du mollet gauche",
        "mollet gauche non calcifié",
        "calcification du mollet gauche : non",
        "la calcification du mollet gauche n'est pas retrouvée",
        "on ne retrouve pas de calcification du mollet gauche",
        "aucune calcification du mollet gauche",
        "calcification du mollet gauche non retrouvée",
        "absence de calcification du mollet gauche",
        "calcifications artérielles du mollet gauche",
        "calcification du mollet gauche éliminée",
        "la radio ne montre pas de calcification du mollet gauche",
        "sans fracture, oedème ou calcification du mollet gauche",
        "pas de phlébite ou de calcification du mollet gauche",
        "il n'y a pas de calcification du mollet gauche",
        "pas d'oedème ni de calcification du mollet gauche",
        "calcification de l'épaule, douleur du mollet gauche",
        "calcification de la cheville gauche, mollet douloureux",
        "mollet gauche sans calcification ni masse",
        "calcification absente du mollet gauche",
        "enfant de 12 ans, calcification du mollet gauche",
    ],
    "de": [
        "nicht nachweisbare Verkalkung linke Wade",
        "Verkalkungen der linken Wade sind nicht zu sehen",
        "linke Wade nicht verkalkt",
        "keine sichtbare Verkalkung der linken Wade",
        "Verkalkung linke Wade nicht nachweisbar",
        "ohne Verkalkung linke Wade",
        "Verkalkung linke Wade ausgeschlossen",
        "kein Nachweis einer Verkalkung der linken Wade",
        "Arterienverkalkung, Schmerzen linke Wade",
        "keine Schwellung oder Verkalkung linke Wade",
        "keine Schwellung, keine Verkalkung linke Wade",
        "keine Schwellung, Rötung oder Verkalkung linke Wade",
        "Gefäßverkalkung linke Wade",
        "Verkalkung der Achillessehne, Wadenschmerz links",
        "linke Wade: Verkalkung nicht sichtbar",
        "Röntgen linke Wade ohne Hinweis auf Verkalkung",
        "kein Hinweis auf Verkalkungen in der linken Wade",
        "Verkalkungen konnten nicht nachgewiesen werden, linke Wade",
        "Kind 12 Jahre, Verkalkung linke Wade",
        "weder Schwellung noch eine Verkalkung der linken Wade",
    ],
    "pt": [
        "não foi observada calcificação na panturrilha esquerda",
        "calcificação na panturrilha esquerda não foi observada",
        "não visualizada calcificação na panturrilha esquerda",
        "não se observa calcificação na panturrilha esquerda",
        "não há calcificação na panturrilha esquerda",
        "calcificação ausente na panturrilha esquerda",
        "calcificação arterial, dor na panturrilha esquerda",
        "sem dor, edema ou calcificação na panturrilha esquerda",
        "ausência de calcificações na panturrilha esquerda",
        "calcificação não visualizada na panturrilha esquerda",
        "sem evidência de calcificação na panturrilha esquerda",
        "nega dor, nem calcificação na panturrilha esquerda",
        "calcificação descartada na panturrilha esquerda",
        "calcificação no ombro, dor na panturrilha esquerda",
        "calcificação no tornozelo esquerdo, panturrilha dolorida",
        "sem fratura e sem calcificação na panturrilha esquerda",
        "criança de 12 anos, calcificação na panturrilha esquerda",
    ],
}
WRITTEN = Path(__file__).parent / "orders" / "written.jsonl"


@lru_cache(maxsize=8)
def tables(*languages: str) -> Tables:
    return load_tables(read_mappings(shipped_mappings()), languages)


def read(language: str, name: str, reason: str) -> Indication:
    chosen = tables(language) if language else tables()
    return read_indication(text_order(name, reason, chosen), chosen)


def facts_of(indication: Indication) -> set[str]:
    facts = indication.facts
    told = {*facts.symptoms, *facts.risk_factors, *(g.code for g in indication.gates)}
    return told | {t for t in (facts.duration, facts.prior_imaging) if t}


def test_four_languages_are_shipped() -> None:
    assert languages_of(read_mappings(shipped_mappings())) == ("de", "es", "fr", "pt")
    assert set(ORDERS) == {"de", "es", "fr", "pt"}
    assert all(len(orders) >= 10 for orders in ORDERS.values())


@pytest.mark.parametrize(("language", "order"), [(xx, order) for xx, orders in ORDERS.items() for order in orders])
def test_an_order_in_a_language_that_is_switched_on(language: str, order: Order) -> None:
    name, reason, action, calcification, side, more = order
    indication = read(language, name, reason)
    assert indication.action.value == action
    assert indication.facts.calcification == calcification
    if action != "pass":
        assert indication.facts.laterality == side
    assert set(more.split(", ")) - {""} <= facts_of(indication)
    assert "X28" not in {g.code for g in indication.gates}


@pytest.mark.parametrize(("language", "order"), [(xx, order) for xx, orders in ORDERS.items() for order in orders])
def test_no_language_is_read_unless_it_is_switched_on(language: str, order: Order) -> None:
    indication = read("", order[0], order[1])
    assert indication.action.value == "pass"
    assert {g.code for g in indication.gates} <= {"X28", "X1"}


@pytest.mark.parametrize("language", ORDERS)
def test_an_english_order_reads_the_same_beside_another_language(language: str) -> None:
    changed = []
    for line in WRITTEN.read_text("utf-8").splitlines():
        order = json.loads(line)
        if any(tag.startswith("lang") for tag in order.get("tags") or []):
            continue
        name = order["obr4"].split("^")[1]
        english, beside = read("", name, order["reason"]), read(language, name, order["reason"])
        if (english.action, english.gates, english.facts) != (beside.action, beside.gates, beside.facts):
            changed.append(order["id"])
    assert len(changed) <= 0, changed


@pytest.mark.parametrize(
    ("language", "reason"), [(xx, reason) for xx, reasons in NEVER_RAISED.items() for reason in reasons]
)
def test_what_is_denied_elsewhere_or_a_childs_is_never_raised(language: str, reason: str) -> None:
    assert read(language, LIMITED, reason).action.value in ("pass", "review")


def test_a_whole_message_is_raised_in_its_language() -> None:
    payload = order_message(f"USVENLTDL^{LIMITED}^L").replace(
        b"left calf calcification on XR", b"Verkalkung linke Wade, Ausschluss TVT"
    )
    assert vet(payload, tables("de")).action.value == "upgrade"
    assert vet(payload, tables()).action.value == "pass"


def test_a_language_that_is_not_there_is_told() -> None:
    with pytest.raises(MappingError) as told:
        load_tables(read_mappings(shipped_mappings()), ("it",))
    assert [d.code for d in told.value.defects] == ["M_LANGUAGE"]


def test_the_check_covers_the_languages() -> None:
    head = "phrase,symptom,example\n"
    files = {**small_mappings(), "languages/xx/symptoms.csv": head + "dolor,pain,left calf dolor\nay,pain,left calf\n"}
    assert [str(d)[:45] for d in check_mappings(files)] == ["languages/xx/symptoms.csv:3:9: P_SILENT: the "]
    files["languages/xx/symptoms.csv"] = head + "pain,pain,left calf pain\n"
    assert [d.code for d in check_mappings(files)] == ["M_DUPLICATE"]
    assert language_of("languages/xx/symptoms.csv") == "xx"
