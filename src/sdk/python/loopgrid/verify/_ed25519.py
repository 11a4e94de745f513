"""Ed25519 verification, RFC 8032 5.1.7, in integers. Keys and commitments of low order are refused, as
they are on the server: under such a key one signature fits many messages.

Nothing here is secret, so that nothing has to take constant time.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Optional, Tuple

#: Extended coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.
Point = Tuple[int, int, int, int]

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL: Point = (0, 1, 1, 0)
COFACTOR = 8


# One checkpoint covers many entries, and stands in the file of each.
@functools.lru_cache(maxsize=256)
def verify_ed25519(public_key: bytes, signature: bytes, message: bytes) -> bool:
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key = _decode(public_key)
    commitment = _decode(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    left = _times(scalar, _BASE)
    right = _add(commitment, _times(challenge, key))
    return _is_same(left, right)


def _decode(octets: bytes) -> Optional[Point]:
    """RFC 8032 5.1.3. None for other spellings of a point, for no point, and for one of low order."""
    number = int.from_bytes(octets, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= P:
        return None
    x = _x_of(y, sign)
    if x is None:
        return None
    point = (x, y, 1, x * y % P)
    return None if _is_same(_times(COFACTOR, point), NEUTRAL) else point


def _x_of(y: int, sign: int) -> Optional[int]:
    numerator, denominator = (y * y - 1) % P, (D * y * y + 1) % P
    square = numerator * pow(denominator, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square or (x == 0 and sign == 1):
        return None
    return x if x & 1 == sign else P - x


def _add(one: Point, other: Point) -> Point:
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a = (y1 - x1) * (y2 - x2) % P
    b = (y1 + x1) * (y2 + x2) % P
    c = 2 * t1 * t2 * D % P
    d = 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    result = NEUTRAL
    for bit in bin(scalar)[2:]:
        result = _add(result, result)
        if bit == "1":
            result = _add(result, point)
    return result


def _is_same(one: Point, other: Point) -> bool:
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (
        one[1] * other[2] - other[1] * one[2]
    ) % P == 0


def _base() -> Point:
    y = 4 * pow(5, P - 2, P) % P
    x = _x_of(y, 0)
    assert x is not None
    return (x, y, 1, x * y % P)


_BASE = _base()
