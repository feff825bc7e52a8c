"""One-time codes of an authenticator app: TOTP over HMAC-SHA-1, 30 s, six digits.

Law: pure; the time is handed in. SHA-1, 30 s and six digits are what every authenticator app understands, so
there is nothing to choose. A code is good for its own step and one step either side, and only once: the caller
keeps the step that `matching_step` returns and asks for a later one next time (RFC 6238 §5.2).

Source: RFC 6238 (TOTP), RFC 4226 §5.3 (truncation), RFC 4648 §6 (base32).
"""

import base64
import hmac
import secrets
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
SECRET_BYTES = 20  # RFC 4226 §4, R6 recommends 160 bits
STEPS_EITHER_SIDE = 1


def new_secret() -> str:
    """Return a fresh secret in base32, as an authenticator app takes it."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of one time step (Unix seconds // 30)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: str, code: str, now: float, after_step: int = -1) -> int | None:
    """Return the time step that `code` is right for, or None.

    Args:
        secret: base32, spaces and case ignored.
        code: what the person typed, spaces ignored.
        after_step: the last step accepted before; it and earlier ones are refused.
    """
    try:
        key = base64.b32decode(secret.replace(" ", "").upper())
    except ValueError:
        return None
    typed = code.replace(" ", "").encode("utf-8", "replace")
    current = int(now) // STEP_S
    found = None
    for step in range(current - STEPS_EITHER_SIDE, current + STEPS_EITHER_SIDE + 1):
        right = hmac.compare_digest(code_at(key, step).encode("ascii"), typed)
        if right and step > after_step:
            found = step
    return found


def setup_uri(secret: str, user: str, issuer: str = "hl7calf") -> str:
    """Return the otpauth:// address that authenticator apps take, also as a QR code.

    Source: Google Authenticator wiki, Key Uri Format.
    """
    return f"otpauth://totp/{quote(issuer)}:{quote(user)}?secret={secret}&issuer={quote(issuer)}"
