"""The shape of the journal's file, and how an older one becomes the newest.

Law: migrations are numbered and applied in order, each whole or not at all (one transaction with the number it
leaves in `user_version`). A file from a newer hl7calf is refused untouched (R16).
"""

import apsw

from hl7calf.errors import JournalBroken, JournalTooNew
from hl7calf.service.journal.failures import Failpoint, nowhere
from hl7calf.service.journal.statements import migration_texts

APPLICATION_ID = 0x684C3743  # "hL7C": lets file(1) and a person tell this file from any other SQLite file


def newest_version() -> int:
    """Return the schema version this hl7calf writes."""
    return migration_texts()[-1][0]


def version_of(connection: apsw.Connection) -> int:
    """Return the schema version of the file, 0 for an empty one.

    Raises:
        JournalBroken: the file belongs to another program.
        JournalTooNew: a newer hl7calf wrote it.
    """
    application = connection.pragma("application_id")
    version = connection.pragma("user_version")
    assert isinstance(version, int)
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if application != APPLICATION_ID and (tables or version):
        raise JournalBroken("the file in data_dir is not a journal of hl7calf; nothing was changed")
    if version > newest_version():
        raise JournalTooNew(
            f"the store has schema {version}, this hl7calf knows up to {newest_version()}; "
            "install the newer version again, or restore a backup"
        )
    return version


def migrate(connection: apsw.Connection, failpoint: Failpoint = nowhere) -> int:
    """Bring the file to the newest schema and return the version it had before."""
    before = version_of(connection)
    for number, text in migration_texts():
        if number <= before:
            continue
        with connection:
            connection.execute(text)
            failpoint("migrating")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}")
    return before
