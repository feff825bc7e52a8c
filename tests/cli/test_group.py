import resource
import subprocess
import sys
from importlib import import_module

import click
import pytest

from hl7calf import __version__
from hl7calf.cli.group import COMMANDS, hl7calf

HEAVY = ("twisted", "msgspec", "rich", "hl7", "hl7apy", "apsw", "jinja2", "prometheus_client")


def built() -> list[str]:
    from importlib.util import find_spec

    return [name for name, listed in COMMANDS.items() if find_spec(f"hl7calf.cli.{listed.place.split(':')[0]}")]


def test_help_lists_every_command_of_the_contract(run) -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    for name in "demo init serve vet check replay receive log explain queue mode status console doctor bench".split():
        assert f"  {name} " in shown.stdout


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from hl7calf.cli import hl7calf\n"
        "try: hl7calf.main(['--help'], prog_name='hl7calf')\n"
        "except SystemExit: pass\n"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_answers_within_150_ms(process) -> None:
    """Processor time, the best of several: it waits for nothing, and the wall clock would measure the neighbours."""
    times = []
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.150, times


@pytest.mark.parametrize("name", built())
def test_each_command_says_how_it_is_used_and_imports_nothing_heavy_for_it(name: str, process) -> None:
    shown = process(name, "--help")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"Usage: hl7calf {name}")


@pytest.mark.parametrize("name", built())
def test_each_command_and_option_has_a_help_text(name: str) -> None:
    module, _, attribute = COMMANDS[name].place.partition(":")
    command = getattr(import_module(f"hl7calf.cli.{module}"), attribute)
    assert command.name == name
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden and parameter.name not in ("limit",):
            assert parameter.help, parameter.name


def test_the_version_is_told(run) -> None:
    assert run("--version").stdout == f"hl7calf {__version__}\n"


def test_a_wrong_command_gets_the_nearest_one(run) -> None:
    shown = run("vett")
    assert shown.exit_code == 2
    assert shown.stderr == "hl7calf: No command `vett`. Did you mean `vet`? Try `hl7calf --help`.\n"


def test_a_wrong_flag_is_one_sentence(run) -> None:
    shown = run("replay", "--nope")
    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1
    assert "No such option" in shown.stderr and "Try `hl7calf replay --help`." in shown.stderr


def test_help_fits_a_window_of_40_columns(process) -> None:
    shown = process("--help", COLUMNS="40").stdout
    assert max(map(len, shown.splitlines())) <= 40


def test_shell_completion_names_the_commands(process) -> None:
    shown = process(_HL7CALF_COMPLETE="bash_complete", COMP_WORDS="hl7calf re", COMP_CWORD="1")
    assert "replay" in shown.stdout and "receive" in shown.stdout


def test_the_help_mentions_shell_completion(run) -> None:
    assert "_HL7CALF_COMPLETE=bash_source" in run("--help").stdout


def test_the_group_is_the_one_that_the_script_runs() -> None:
    assert isinstance(hl7calf, click.Group)
