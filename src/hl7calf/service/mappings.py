"""Where the mappings and samples are, and reading the mappings folder into texts.

Law: this reads files and decodes them, it does not understand them; `calf/tables` does. What cannot be decoded
is a defect with its line, like any other.
"""

from importlib.resources import files
from pathlib import Path

from hl7calf.errors import Defect, MappingError

MAX_BYTES = 4_194_304  # a table of 4 MB has 40,000 rows; more is a wrong file, not a mapping
_SUFFIXES = (".csv", ".txt")


def read_mappings(folder: Path) -> dict[str, str]:
    """Read every table and text of a mappings folder, by file name, in name order, languages/*/ last.

    Returns: file name to text; line ends as they stand, a byte order mark taken off.

    Raises:
        MappingError: the folder is missing, or files are not UTF-8, too large or unreadable.
    """
    if not folder.is_dir():
        raise MappingError(
            [
                Defect(
                    folder.name,
                    0,
                    0,
                    "T_NO_FOLDER",
                    "there is no such mappings folder",
                    "`hl7calf init DIR` writes one",
                )
            ]
        )
    texts: dict[str, str] = {}
    defects: list[Defect] = []
    for path in [*sorted(folder.iterdir()), *sorted(folder.glob("languages/*/*"))]:
        if path.suffix not in _SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        read = _read(path)
        if isinstance(read, Defect):
            defects.append(read)
        else:
            texts[path.relative_to(folder).as_posix()] = read
    if not texts and not defects:
        defects.append(Defect(folder.name, 0, 0, "T_EMPTY", "the folder holds no tables"))
    if defects:
        raise MappingError(defects)
    return texts


def _read(path: Path) -> str | Defect:
    try:
        data = path.read_bytes()
    except OSError as wrong:
        return Defect(path.name, 0, 0, "T_UNREADABLE", f"cannot be read: {type(wrong).__name__}")
    if len(data) > MAX_BYTES:
        return Defect(path.name, 0, 0, "T_TOO_LARGE", f"has {len(data)} bytes", f"{MAX_BYTES} at most")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        column = wrong.start - data.rfind(b"\n", 0, wrong.start)
        return Defect(path.name, line, column, "T_ENCODING", "is not UTF-8 here", "save the file as UTF-8")


def shipped_mappings() -> Path:
    """Return the folder of the mappings that come with hl7calf."""
    return _shipped("mappings")


def shipped_samples() -> Path:
    """Return the folder of the sample messages that come with hl7calf."""
    return _shipped("sample_messages")


def _shipped(name: str) -> Path:
    """Find a folder in the wheel (`hl7calf/_shipped/`), or beside `src/` in an editable checkout."""
    package = Path(str(files("hl7calf")))
    installed = package / "_shipped" / name
    return installed if installed.is_dir() else package.parents[1] / name
