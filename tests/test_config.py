import datetime
from pathlib import Path

import pytest

from hl7calf.config import Settings, every_setting, load_settings, mode_in_force, parse_settings
from hl7calf.config.loading import line_of
from hl7calf.config.settings import tables
from hl7calf.errors import SettingsError

ROUTE = """
[[route]]
name = "orders"
listen = "tcp:2575:interface=127.0.0.1"
forward = "tcp:127.0.0.1:2576"
"""
POLICY = """
[policy]
id = "RAD-US-017"
version = "1"
approved_by = "Chief of Radiology"
approved_on = 2026-01-15
valid_until = 2027-01-15
"""


def parse(text: str) -> Settings:
    return parse_settings(text, Path("/etc/hl7calf"))


def refusal(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    return caught.value


def test_one_route_is_enough_and_everything_else_has_a_default() -> None:
    settings = parse(ROUTE)
    route = settings.route[0]
    assert (route.max_frame_bytes, route.frame_timeout_s, route.idle_timeout_s) == (10_485_760, 60, 300)
    assert (route.connections_per_listener, route.connections_per_address) == (64, 8)
    assert (route.ack, route.ack_timeout_s, route.max_attempts, route.order_by) == ("stored", 30, 5, ())
    assert (settings.service.drain_timeout_s, settings.service.vet_timeout_s) == (10, 1)
    assert settings.service.mode == "observe"


def test_the_example_of_the_contract_is_read_whole() -> None:
    settings = parse(
        """
[service]
data_dir = "var"
store = "sqlite"
mappings = "mappings"
mode = "upgrade"
ops = "tcp:9575:interface=127.0.0.1"
"""
        + POLICY
        + """
sending_facilities = []
patient_classes = ["I"]
"""
        + ROUTE
        + """
allow = ["127.0.0.1/32"]
ack = "stored"
order_by = []
connections = 1
ack_timeout_s = 30
on_nack = {AE = "retry", AR = "park", CE = "retry", CR = "park"}
max_frame_bytes = 10485760
tls = {certificate = "a.pem", key = "b.pem", client_ca = "c.pem"}
"""
    )
    assert settings.policy is not None
    assert settings.policy.valid_until == datetime.date(2027, 1, 15)
    assert settings.route[0].tls is not None
    assert settings.route[0].tls.client_ca == "/etc/hl7calf/c.pem"
    assert settings.service.data_dir == "/etc/hl7calf/var"


def test_an_unknown_key_names_the_nearest_known_one_and_its_line() -> None:
    wrong = refusal(ROUTE + "ack_timeout = 30\n")
    assert wrong.key == "route[1].ack_timeout"
    assert wrong.hint == "the nearest is ack_timeout_s"
    assert "line 6" in wrong.why


def test_an_unknown_key_in_the_second_route_counts_from_one() -> None:
    wrong = refusal(ROUTE + ROUTE.replace("orders", "second") + "\n\nconections = 2\n")
    assert (wrong.key, wrong.hint) == ("route[2].conections", "the nearest is connections")
    assert "line 13" in wrong.why


def test_an_unknown_table_and_an_unknown_key_of_an_inline_table_are_errors() -> None:
    assert refusal("[sevice]\nmode='observe'\n" + ROUTE).hint == "the nearest is service"
    wrong = refusal(ROUTE + 'tls = {certificate="a", key="b", client_cas="c"}')
    assert (wrong.key, wrong.hint) == ("route[1].tls.client_cas", "the nearest is client_ca")
    assert "line 6" in wrong.why


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        (ROUTE + 'connections = "two"', "route[1].connections", "expected int, got str (line 6)"),
        (ROUTE + "connections = 0", "route[1].connections", "expected int >= 1 (line 6)"),
        (ROUTE + 'ack = "stoerd"', "route[1].ack", "is none of the values it can take (line 6)"),
        (
            ROUTE + 'allow = ["127.0.0.1"]\non_nack = {AE = "drop"}',
            "route[1].on_nack",
            "none of the values it can take (line 7)",
        ),
        ('[[route]]\nname="a"\nlisten="tcp:1"', "route[1].forward", "is missing"),
        ("[service]\n", "route", "is missing"),
        ("route = 3", "route", "expected array"),
        (ROUTE.replace("orders", "a b"), "route[1].name", "expected str matching"),
    ],
)
def test_a_wrong_value_names_its_key_and_line_but_not_the_value(text: str, key: str, why: str) -> None:
    wrong = refusal(text)
    assert wrong.key == key
    assert why in wrong.why
    assert "stoerd" not in str(wrong)


def test_a_word_out_of_place_is_answered_with_the_words_it_can_be() -> None:
    assert refusal(ROUTE + 'ack = "store"').hint == "stored, relay"
    assert refusal(ROUTE + 'on_nack = {AE = "drop"}').hint == "retry, park, skip"


@pytest.mark.parametrize("store", ["postgresql://u@h/db", "postgres://h/db", "memory"])
def test_a_store_that_is_not_built_is_refused_and_not_taken_for_one_that_nodes_share(store: str) -> None:
    wrong = refusal(f'[service]\nstore = "{store}"\n' + ROUTE)
    assert wrong.key == "service.store" and "sqlite" in wrong.why and store not in str(wrong)


def test_what_is_not_toml_is_refused_without_quoting_the_file() -> None:
    wrong = refusal('store = "postgresql://u:secret@h/db\n')
    assert "line 1" in wrong.why
    assert "secret" not in str(wrong)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("tcp:2575:interface=127.0.0.1", "2575", "route[1].listen"),
        ("tcp:2575:interface=127.0.0.1", "tcp:70000:interface=127.0.0.1", "route[1].listen"),
        ("tcp:2575:interface=127.0.0.1", "ssl:2575:interface=127.0.0.1", "route[1].listen"),
        ("tcp:2575:interface=127.0.0.1", "tcp:2575:interface=ward", "route[1].listen"),
        ("tcp:2575:interface=127.0.0.1", "tcp:2575:nterface=127.0.0.1", "route[1].listen"),
        ("tcp:127.0.0.1:2576", "tcp::2576", "route[1].forward"),
        ("tcp:127.0.0.1:2576", "tcp:127.0.0.1:0", "route[1].forward"),
        ("tcp:127.0.0.1:2576", "unix:/tmp/x", "route[1].forward"),
    ],
)
def test_an_endpoint_string_that_cannot_work_is_refused(old: str, new: str, key: str) -> None:
    assert refusal(ROUTE.replace(old, new)).key == key


@pytest.mark.parametrize(
    "listen", ["tcp:2575", "tcp:2575:interface=0.0.0.0", r"tcp6:2575:interface=\:\:", "systemd:domain=INET:index=0"]
)
def test_a_listener_beyond_loopback_needs_an_allow_list_or_client_certificates(listen: str) -> None:
    text = ROUTE.replace("tcp:2575:interface=127.0.0.1", listen.replace("\\", "\\\\"))
    assert refusal(text).key == "route[1].allow"
    assert refusal(text + 'tls = {certificate="a", key="b"}').key == "route[1].allow"
    assert parse(text + 'allow = ["192.0.2.0/24"]')
    assert parse(text + 'tls = {certificate="a", key="b", client_ca="c"}')


def test_loopback_is_known_in_both_families_and_by_name() -> None:
    assert parse(
        ROUTE.replace("interface=127.0.0.1", r"interface=\\:\\:1").replace("tcp:127.0.0.1:2576", "tcp:localhost:2576")
        + POLICY.replace("RAD-US-017", "DEMO")
    )


def test_the_ops_port_beyond_loopback_needs_its_own_allow_list() -> None:
    assert refusal('[service]\nops = "tcp:9575"\n' + ROUTE).key == "service.ops_allow"
    assert parse('[service]\nops = "tcp:9575"\nops_allow = ["192.0.2.5/32"]\n' + ROUTE)


def test_upgrade_refuses_to_start_without_a_policy() -> None:
    text = '[service]\nmode = "upgrade"\n' + ROUTE
    assert refusal(text).key == "policy"
    assert parse(text + POLICY).service.mode == "upgrade"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tcp:127.0.0.1:2576", "tcp:ris.example:2576"),
        ('name = "orders"', 'name = "orders"\nallow = ["192.0.2.0/24"]\n#'),
    ],
)
def test_the_demo_policy_holds_only_while_every_endpoint_is_loopback(old: str, new: str) -> None:
    demo = POLICY.replace("RAD-US-017", "DEMO")
    assert parse(demo + ROUTE)
    text = ROUTE.replace(old, new)
    if "allow" in new:
        text = text.replace(":interface=127.0.0.1", "")
    assert refusal(demo + text).key == "policy.id"
    assert parse(POLICY + text)


def test_after_its_last_day_the_policy_allows_notes_only() -> None:
    settings = parse(POLICY + ROUTE)
    assert mode_in_force(settings, "upgrade", datetime.date(2027, 1, 15)) == ("upgrade", "")
    mode, why = mode_in_force(settings, "upgrade", datetime.date(2027, 1, 16))
    assert (mode, why) == ("annotate", "the policy was valid until 2027-01-15")
    assert mode_in_force(settings, "upgrade", datetime.date(2026, 1, 14))[0] == "annotate"
    assert mode_in_force(settings, "observe", datetime.date(2030, 1, 1)) == ("observe", "")
    assert mode_in_force(parse(ROUTE), "upgrade", datetime.date(2026, 1, 20))[0] == "annotate"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('order_by = ["order"]', "order_by"),
        ('allow = ["127.0.0.1/24"]', "allow"),
        ("retry_initial_s = 100.0", "retry_initial_s"),
        ("forward_unreadable = true", "forward_unreadable"),
        ('on_nack = {"A E" = "park"}', "on_nack"),
        ('forward_tls = {certificate = "a"}', "forward_tls"),
        ("block_characters = [11, 11, 13]", "block_characters"),
        ("block_characters = [11, 28, 65]", "block_characters"),
        ("block_characters = [10, 28, 13]", "block_characters"),
        ("forward_block_characters = [11, 0x06, 13]", "forward_block_characters"),
        ('mllp_release = 2\nack = "relay"', "mllp_release"),
        ('forward_mllp_release = 2\nack = "relay"', "forward_mllp_release"),
    ],
)
def test_rules_across_keys_name_the_key_to_change(line: str, key: str) -> None:
    wrong = refusal(ROUTE + line)
    assert wrong.key == f"route[1].{key}"
    assert "line 6" in wrong.why


def test_two_routes_cannot_share_a_name() -> None:
    assert refusal(ROUTE + ROUTE).key == "route[2].name"


def test_on_nack_of_the_site_stands_over_the_defaults() -> None:
    route = parse(ROUTE + 'on_nack = {AE = "park", 207 = "skip"}').route[0]
    assert route.nack_actions() == {"AE": "park", "AR": "park", "CE": "retry", "CR": "park", "207": "skip"}


def test_a_missing_file_and_a_bad_encoding_are_settings_errors(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        load_settings(tmp_path / "hl7calf.toml")
    (tmp_path / "hl7calf.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UnicodeDecodeError"):
        load_settings(tmp_path / "hl7calf.toml")
    (tmp_path / "hl7calf.toml").write_bytes(b"\xef\xbb\xbf" + ROUTE.encode())
    assert load_settings(tmp_path / "hl7calf.toml").service.data_dir == str(tmp_path / "var")


def test_every_setting_has_a_sentence_and_a_unit_where_it_is_a_quantity() -> None:
    seen = list(every_setting())
    assert {s.table for s in seen} == set(tables())
    assert all(s.doc for s in seen)
    assert next(s for s in seen if s.key == "idle_timeout_s").default == "300"
    assert next(s for s in seen if s.key == "name").default is None
    for setting in seen:
        if "timeout" in setting.key or setting.key.startswith("max_frame"):
            assert setting.key.rsplit("_", 1)[1] in {"s", "ms", "bytes", "days"}


def test_a_key_is_found_on_its_line_whatever_the_table_style() -> None:
    text = "[service]\nmode = 1\n[[route]]\nname = 2\n[route.tls]\nkey = 3\n[[route]]\nname = 4\n"
    assert line_of("service.mode", text) == 2
    assert line_of("route[1].name", text) == 4
    assert line_of("route[1].tls.key", text) == 6
    assert line_of("route[2].name", text) == 8
    assert line_of("route[2].nothing", text) == 7
    assert line_of("nothing", text) == 0
