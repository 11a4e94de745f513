"""RFC 8785 canonical JSON: reading it strictly and writing it."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Tuple

_SURROGATE = re.compile("[\ud800-\udfff]")
#: The integers that a double holds exactly.
_EXACT_MAX = 2**53


class NotJson(ValueError):
    """No JSON text at all: it proves nothing, and was not necessarily changed."""


class NotCanonical(ValueError):
    """JSON, but not exactly as it was written."""


def parse_canonical(text: str) -> Any:
    """The value of a text that is its own canonical form. Numbers are doubles."""
    try:
        value = json.loads(
            text,
            parse_int=float,
            parse_float=float,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
        )
        is_canonical = canonical(value) == text
    except RecursionError as error:
        raise NotCanonical("nested too deeply") from error
    except (NotJson, NotCanonical):
        raise
    except ValueError as error:
        raise NotJson("not JSON") from error
    if not is_canonical:
        raise NotCanonical("not in canonical form")
    return value


def canonical(value: Any) -> str:
    """Raises NotCanonical for what has no canonical form: NaN, infinities, half characters."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (int, float)):
        return _number(float(value))
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=_utf16)
        return "{" + ",".join(f"{_text(name)}:{canonical(value[name])}" for name in names) + "}"
    raise NotCanonical(f"{type(value).__name__} has no JSON form")


def _utf16(name: str) -> bytes:
    """RFC 8785 3.2.3: members are sorted by UTF-16 code units, not by characters."""
    return name.encode("utf-16-be", "surrogatepass")


def _text(text: str) -> str:
    if _SURROGATE.search(text):
        raise NotCanonical("half a character")
    return json.dumps(text, ensure_ascii=False)


def _number(number: float) -> str:
    """ECMAScript's Number::toString. Python finds the same shortest digits, and lays them out otherwise."""
    if number != number or number in (float("inf"), float("-inf")):
        raise NotCanonical("a number beyond a double")
    if number == 0:
        return "0"
    if number.is_integer() and abs(number) < _EXACT_MAX:
        return str(int(number))
    sign = "-" if number < 0 else ""
    digits, exponent = _shortest(abs(number))
    return sign + _laid_out(digits, exponent)


def _shortest(number: float) -> Tuple[str, int]:
    """Digits d1d2…dn without zeros at either end, and e such that the number is 0.d1d2…dn × 10^e."""
    mantissa, _, power = repr(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    return digits.strip("0"), len(whole) - leading + int(power or 0)


def _laid_out(digits: str, exponent: int) -> str:
    if 0 < exponent <= 21:
        if len(digits) <= exponent:
            return digits.ljust(exponent, "0")
        return f"{digits[:exponent]}.{digits[exponent:]}"
    if -6 < exponent <= 0:
        return "0." + "0" * -exponent + digits
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    power = exponent - 1
    return f"{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotCanonical("a member stands twice")
    return members


def _no_constant(name: str) -> None:
    raise NotJson(f"{name} is not JSON")
