"""The people who may sign in: `console-users.toml` in the data folder, readable by its owner alone.

Law: the file holds argon2id hashes and one-time secrets, never a password, and is replaced whole, by a rename.
Verifying a name that does not exist takes as long as verifying one that does.

Source: RFC 9106 (argon2; the parameters are argon2-cffi's RFC_9106_LOW_MEMORY default).
"""

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from hl7calf.console.options import Role
from hl7calf.errors import SettingsError

FILE_NAME = "console-users.toml"
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024
_HEAD = "# Written by `hl7calf console user`. Hashes and one-time secrets: keep it readable by its owner alone.\n"
_hasher = PasswordHasher()
_NOBODY = _hasher.hash("nobody signs in with this")


@dataclass(frozen=True, slots=True)
class User:
    """One person. Without a password they come through the reverse proxy only."""

    name: str
    role: Role
    password: str = ""  # argon2id, encoded
    totp: str = ""  # base32; empty: no one-time code asked


def hash_password(password: str) -> str:
    """Return what is kept of a password.

    Raises:
        ValueError: it is too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ValueError(f"A password needs {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    return _hasher.hash(password)


def verify_password(user: User | None, password: str) -> bool:
    """Tell whether the password is this user's; nobody's is verified just as long."""
    kept = user.password if user and user.password else _NOBODY
    try:
        right = _hasher.verify(kept, password[:LONGEST_PASSWORD])
    except (Argon2Error, InvalidHashError):
        return False
    return right and user is not None and bool(user.password)


class Users:
    """The users' file, read again whenever it was replaced.

    Args:
        data_dir: the folder of the store.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME
        self._stamp: tuple[int, int, int] | None = None
        self._users: dict[str, User] = {}

    def all(self) -> Mapping[str, User]:
        """Return everyone, by name; nobody when there is no file.

        Raises:
            SettingsError: the file cannot be read, or others may read it.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._users = None, {}
            return self._users
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp != self._stamp:
            if found.st_mode & 0o077:
                raise SettingsError(FILE_NAME, "others may read it", f"chmod 600 {self.path}")
            self._users, self._stamp = read_users(self.path), stamp
        return self._users

    def find(self, name: str) -> User | None:
        """Return one user, or None."""
        return self.all().get(name)

    def put(self, user: User) -> None:
        """Add a user or replace them."""
        self._write({**self.all(), user.name: user})

    def remove(self, name: str) -> bool:
        """Take a user out; tell whether there was one."""
        left = {known: user for known, user in self.all().items() if known != name}
        found = len(left) < len(self.all())
        if found:
            self._write(left)
        return found

    def _write(self, users: Mapping[str, User]) -> None:
        text = _HEAD + "".join(_as_toml(users[name]) for name in sorted(users))
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=FILE_NAME)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp gives mode 0600
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise
        self._stamp = None


def check_name(name: str) -> str:
    """Return the name as it is kept: lower case.

    Raises:
        ValueError: it holds other characters than letters, digits and `. _ @ -`.
    """
    lowered = name.strip().lower()
    if not NAME.fullmatch(lowered):
        raise ValueError("A user name has at most 64 letters, digits and . _ @ - and begins with a letter or digit.")
    return lowered


def read_users(path: Path) -> dict[str, User]:
    """Read the file.

    Raises:
        SettingsError: what is wrong in it; values are never named.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise SettingsError(FILE_NAME, f"cannot be read: {type(wrong).__name__}") from None
    return {name: _user(name, fields) for name, fields in data.get("user", {}).items()}


def _user(name: str, fields: Any) -> User:
    known = {"role", "password", "totp"}
    if not isinstance(fields, dict) or not set(fields) <= known or not all(isinstance(v, str) for v in fields.values()):
        raise SettingsError(f"{FILE_NAME}: user.{name}", "holds other things than role, password and totp, all text")
    if not NAME.fullmatch(name) or fields.get("role") not in list(Role):
        raise SettingsError(f"{FILE_NAME}: user.{name}", "has no proper name or role", "viewer, reviewer or operator")
    return User(name, Role(fields["role"]), fields.get("password", ""), fields.get("totp", ""))


def _as_toml(user: User) -> str:
    """Return one user's table; names, roles, hashes and base32 need no escapes."""
    lines = [f'[user."{user.name}"]', f'role = "{user.role.value}"']
    lines += [f'password = "{user.password}"'] if user.password else []
    lines += [f'totp = "{user.totp}"'] if user.totp else []
    return "\n" + "\n".join(lines) + "\n"
