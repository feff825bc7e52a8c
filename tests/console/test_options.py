from pathlib import Path

from hl7calf.console.options import Options, Role


def test_each_role_may_do_what_those_before_it_may() -> None:
    roles = [Role.VIEWER, Role.REVIEWER, Role.OPERATOR]
    for rank, role in enumerate(roles):
        assert [role.may(needed) for needed in roles] == [needed_rank <= rank for needed_rank in range(3)]


def test_a_console_is_https_only_when_every_address_is() -> None:
    def options(*origins: str) -> Options:
        return Options(Path("."), Path("."), origins)

    assert options("https://a").is_https
    assert not options("https://a", "http://127.0.0.1:1").is_https
