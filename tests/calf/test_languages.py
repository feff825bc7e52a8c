"""Which language a table belongs to. The lexicons themselves: tests/test_languages.py."""

from hl7calf.calf.languages import language_of, languages_of, table_of


def test_a_language_table_joins_the_english_table_of_its_name() -> None:
    assert table_of("languages/es/cues.csv") == table_of("cues.csv") == "cues.csv"


def test_a_file_knows_its_language() -> None:
    assert language_of("languages/es/cues.csv") == "es"
    assert language_of("cues.csv") == language_of("languages/cues.csv") == language_of("other/es/cues.csv") == ""


def test_the_languages_of_a_folder_are_named_once() -> None:
    assert languages_of(["cues.csv", "languages/fr/cues.csv", "languages/de/cues.csv", "languages/fr/sites.csv"]) == (
        "de",
        "fr",
    )
