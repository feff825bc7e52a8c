"""`hl7calf console`: the web console, and the people who may sign in to it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hl7calf.cli.failures import Stopped, Unusable
from hl7calf.cli.store import DEFAULT_CONFIG, read_settings
from hl7calf.cli.terminal import say, say_err, table, terminal

if TYPE_CHECKING:
    from hl7calf.console.users import User, Users

LISTEN = "tcp:9576:interface=127.0.0.1"
ROLES = ("viewer", "reviewer", "operator")
_CONFIG = click.option(
    "-c", "--config", type=click.Path(path_type=Path), envvar="HL7CALF_CONFIG",
    help="Settings file [default: $HL7CALF_CONFIG or ./hl7calf.toml].",
)  # fmt: skip


@click.group(invoke_without_command=True, short_help="Run the web console.")
@_CONFIG
@click.option("--listen", default=LISTEN, show_default=True, metavar="ENDPOINT", help="Twisted endpoint to listen on.")
@click.option(
    "--public-url",
    "public_urls",
    multiple=True,
    metavar="URL",
    help="Address people type; only its host is answered. Needed beyond loopback; https there.",
)
@click.option("--proxy", "proxies", multiple=True, metavar="NETWORK", help="Believe the user header from there.")
@click.option("--proxy-header", default="X-Remote-User", show_default=True, help="Header that names the user.")
@click.option(
    "--idle-minutes",
    type=click.FloatRange(1, 720),
    default=15.0,
    show_default=True,
    help="Sign out after this long without a page asked for.",
)
@click.pass_context
def console(
    ctx: click.Context, config: Path | None, listen: str, public_urls: tuple[str, ...], proxies: tuple[str, ...],
    proxy_header: str, idle_minutes: float,
) -> int:  # fmt: skip
    """Run the web console, a process of its own.

    It reads the store and asks the running service for what people decide; it needs `hl7calf console user add`
    before anyone can sign in. Loopback by default.
    """
    ctx.obj = config
    if ctx.invoked_subcommand is not None:
        return 0
    from hl7calf.cli.console_setting import Wish, compose
    from hl7calf.console.serve import run

    settings = read_settings(config)
    desk = compose(settings, Wish(listen, public_urls, proxies, proxy_header, idle_minutes * 60))
    if not desk.users.all():
        say_err(f"Nobody may sign in yet: hl7calf console -c {config or DEFAULT_CONFIG} user add NAME")
    _keep_quiet(settings.service.log_level)
    return run(desk, listen, say_err)


def _keep_quiet(log_level: str) -> None:
    """Let nothing of a message out where a page fails: no core file, no traceback of Twisted's."""
    import resource
    import sys

    from twisted.logger import globalLogBeginner

    from hl7calf.service.events import JsonLines

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    observer = JsonLines(sys.stderr, log_level)
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)


@console.group()
def user() -> None:
    """Add, list, change or remove the people who may sign in."""


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What they may do.")
@click.option("--no-password", is_flag=True, help="They come through the reverse proxy only.")
@click.pass_obj
def add(config: Path | None, name: str, role: str, no_password: bool) -> None:
    r"""Add a person, or give one a new role and password.

    \b
    viewer    sees lists, decisions and pictures, never patient data
    reviewer  reveals patient data and decides about reviews
    operator  moves messages and changes the mode as well
    """
    from dataclasses import replace

    from hl7calf.console.options import Role
    from hl7calf.console.users import User, check_name, hash_password

    users = _users(config)
    try:
        known = users.find(check_name(name))
        password = "" if no_password else hash_password(_ask_password())
        new = User(check_name(name), Role(role), password)
    except ValueError as wrong:
        raise Unusable(str(wrong)) from None
    users.put(replace(new, totp=known.totp) if known else new)
    say(f"{new.name} may sign in as {new.role}.")


@user.command("list")
@click.pass_obj
def list_(config: Path | None) -> None:
    """List who may sign in."""
    found = _users(config).all()
    if not found:
        say("Nobody may sign in yet.")
        return
    rows = [[one.name, one.role.value, _signs_in_by(one)] for _, one in sorted(found.items())]
    say(table(["name", "role", "signs in by"], rows, terminal()))


@user.command()
@click.argument("name")
@click.pass_obj
def remove(config: Path | None, name: str) -> None:
    """Take a person out; their sessions end at once."""
    if not _users(config).remove(name.lower()):
        raise Stopped(f"There is no user {name}.")
    say(f"{name.lower()} may not sign in any more.")


@user.command()
@click.argument("name")
@click.option("--off", is_flag=True, help="Ask for no code any more.")
@click.pass_obj
def totp(config: Path | None, name: str, off: bool) -> None:
    """Give a person a new secret for an authenticator app, or take it away."""
    from dataclasses import replace

    from hl7calf.console.totp import new_secret, setup_uri

    users = _users(config)
    known = users.find(name.lower())
    if known is None:
        raise Stopped(f"There is no user {name}.")
    secret = "" if off else new_secret()
    users.put(replace(known, totp=secret))
    if off:
        say(f"{known.name} signs in without a code.")
        return
    say(f"Type this secret into the authenticator app of {known.name}; it is shown once:\n  {secret}")
    say(f"or make a QR code of this address:\n  {setup_uri(secret, known.name)}")


def _users(config: Path | None) -> "Users":
    from hl7calf.console.users import Users

    folder = Path(read_settings(config).service.data_dir)
    if not folder.is_dir():
        raise Unusable(f"{folder}: no such folder yet; `hl7calf serve` makes it when it starts.")
    return Users(folder)


def _ask_password() -> str:
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _signs_in_by(one: "User") -> str:
    if not one.password:
        return "reverse proxy"
    return "password and code" if one.totp else "password"
