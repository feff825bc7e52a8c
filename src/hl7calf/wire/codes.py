"""Closed sets of HL7: acknowledgment codes and conditions, order control, order status, error codes.

Law: values of the standard with their table number; what a site may extend is not here. Which of them lead to
an upgrade is decided in calf/, by these names.

Source: HL7 v2.5.1 tables 0008, 0038, 0119, 0155, 0357, 0516; use of order control by [VistAHL7] and [dcm4chee]
as in docs/sources.md.
"""

from enum import StrEnum


class AckCode(StrEnum):
    """MSA-1, table 0008: A.. in original mode and by the application, C.. at accept level."""

    AA = "AA"  # accepted
    AE = "AE"  # error: passing, the sender tries again
    AR = "AR"  # rejected: the message itself is wrong
    CA = "CA"  # commit accept: stored
    CE = "CE"  # commit error
    CR = "CR"  # commit reject


POSITIVE = frozenset({AckCode.AA, AckCode.CA})
REJECTED = frozenset({AckCode.AR, AckCode.CR})


class When(StrEnum):
    """MSH-15 and MSH-16, table 0155: on which outcome an acknowledgment is wanted."""

    ALWAYS = "AL"
    NEVER = "NE"
    ERROR = "ER"
    SUCCESS = "SU"


# ORC-1, table 0119, by what they are for.
REQUESTS = frozenset({"NW", "RO", "CH"})  # new, replacement, child order: judged
CHANGES = frozenset({"XO"})  # change request: judged again, unless the order has started
CANCELS = frozenset({"CA", "DC", "HD", "RL"})  # cancel, discontinue, hold, release: never enriched
NUMBER_REQUESTS = frozenset({"SN"})  # the placer asks for a number
PARENTS = frozenset({"PA"})  # its children are judged alone
FILLER_CHANGES = frozenset({"XX", "RU"})  # changed or replaced by the filler, unsolicited
REPLIES = frozenset(
    {"SC", "SR", "OC", "OD", "OF", "OH", "OR", "OK", "OE", "CR", "DR", "HR", "UA", "UC", "UD", "UH", "UM", "UN", "UR",
     "UX", "XR", "NA", "RE", "RP", "RQ", "RR", "RU", "XX", "AF", "DF", "FU", "DE", "LI", "PR", "PY", "MC", "RF", "CN"}
)  # fmt: skip  # status, response and filler codes: pass

# ORC-5, table 0038: the study has begun or ended, no upgrade any more.
STARTED = frozenset({"A", "CM", "CA", "DC", "IP", "ER", "RP"})

# ERR-3 (ERR-1.4 before version 2.5), table 0357.
ERRORS = {
    "0": "Message accepted",
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
