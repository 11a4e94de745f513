#!/usr/bin/env python3
"""A second verifier of loopgrid-ledger/1 exports and loopgrid-evidence/1 bundles.

Written from DESIGN sections 3 and 5 and the documents they name (RFC 8785, RFC 9162, RFC 8032, C2SP
signed-note and tlog-checkpoint), in Python's standard library alone. It shares no code with src/, so
that an error there cannot hide here.

    verify.py FILE [--key VKEY]...        exit 0 verified, 1 tampered, 2 incomplete or unproven
"""

import argparse
import base64
import hashlib
import json
import re
import sys

HEX_64 = re.compile(r"[0-9a-f]{64}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
HEADER_BYTES_MAX = 65_535
ZEROS = "0" * 64


class Unreadable(Exception):
    """Not JSON, or not text: no proof of anything."""


class Wrong(Exception):
    """Readable, and not as it has to be."""


def demand(holds, what):
    if not holds:
        raise Wrong(what)


# --- RFC 8785 -----------------------------------------------------------------------------------


def members(pairs):
    found = dict(pairs)
    demand(len(found) == len(pairs), "a member stands twice")
    return found


def refuse(constant):
    raise Unreadable(f"{constant} is not JSON")


def parse(text):
    """A JSON text; every number is the double that it denotes."""
    try:
        return json.loads(
            text, object_pairs_hook=members, parse_int=float, parse_float=float, parse_constant=refuse
        )
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error


def number(value):
    """ECMAScript's Number::toString. Python's repr finds the same shortest digits."""
    demand(value == value and abs(value) != float("inf"), "a number beyond a double")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # value = 0.digits * 10 ** point
    point = len(whole) + int(exponent or 0)
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    tail = f"e{'-' if power < 0 else '+'}{abs(power)}"
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + tail


def canonical(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str):
        demand(not re.search("[\ud800-\udfff]", value), "half a character")
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"


def parse_canonical(text, expected, what):
    """An object that is its own canonical form and has exactly the expected members."""
    value = parse(text)
    demand(isinstance(value, dict), f"{what} is no object")
    demand(canonical(value) == text, f"{what} is not in canonical form")
    demand(set(value) == set(expected), f"{what} has the members {sorted(value)}")
    return value


# --- Hashes, RFC 9162 ---------------------------------------------------------------------------


def sha256(*parts):
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.digest()


def node(left, right):
    return sha256(b"\x01", left, right)


def unhex(text, what):
    demand(isinstance(text, str) and HEX_64.fullmatch(text), f"{what} is no hash")
    return bytes.fromhex(text)


def hashes(value, what):
    demand(isinstance(value, list), f"{what} is no list")
    return [unhex(item, what) for item in value]


def integer(value, what):
    fits = isinstance(value, float) and value.is_integer() and 0 <= value < 2**53
    demand(fits, f"{what} is no index or size")
    return int(value)


class Edge:
    """The roots of the perfect subtrees of a tree, largest first: all that is needed to extend it."""

    def __init__(self, size, roots):
        demand(len(roots) == bin(size).count("1"), "the edge does not fit its size")
        self.size = size
        self.roots = list(roots)

    def append(self, leaf):
        size = self.size
        while size % 2 == 1:
            leaf = node(self.roots.pop(), leaf)
            size //= 2
        self.roots.append(leaf)
        self.size += 1

    def root(self):
        if not self.roots:
            return sha256(b"")
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node(left, root)
        return root


def included(leaf, index, size, path, root):
    """RFC 9162, 2.1.3.2"""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn % 2 == 1 or fn == sn:
            r = node(p, r)
            while fn % 2 == 0 and fn != 0:
                fn, sn = fn // 2, sn // 2
        else:
            r = node(r, p)
        fn, sn = fn // 2, sn // 2
    return sn == 0 and r == root


def consistent(first, second, first_root, second_root, path):
    """RFC 9162, 2.1.4.2"""
    if first == second:
        return not path and first_root == second_root
    if not 0 < first < second:
        return False
    if first & (first - 1) == 0:
        path = [first_root, *path]
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn % 2 == 1:
        fn, sn = fn // 2, sn // 2
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn % 2 == 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while fn % 2 == 0 and fn != 0:
                fn, sn = fn // 2, sn // 2
        else:
            sr = node(sr, c)
        fn, sn = fn // 2, sn // 2
    return sn == 0 and fr == first_root and sr == second_root


# --- Ed25519, RFC 8032 --------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Extended homogeneous coordinates (X, Y, Z, T)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def decode_point(octets):
    """None unless the encoding is canonical and of a point that is not of low order."""
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P != 0 or (x == 0 and sign == 1):
        return None
    if x & 1 != sign:
        x = P - x
    point = (x, y, 1, x * y % P)
    return None if same(multiply(8, point), (0, 1, 1, 0)) else point


def base_point():
    y = 4 * pow(5, P - 2, P) % P
    return decode_point(y.to_bytes(32, "little"))


def ed25519(public_key, signature, message):
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = decode_point(public_key), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(digest, "little") % L
    return same(multiply(s, base_point()), add(r, multiply(k, a)))


# --- C2SP signed notes and checkpoints ----------------------------------------------------------


def unbase64(text, what):
    try:
        octets = base64.b64decode(text, validate=True)
    except ValueError:
        octets = None
    demand(octets is not None and base64.b64encode(octets).decode() == text, f"{what} is no base64")
    return octets


class Key:
    def __init__(self, vkey):
        match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(.*)", vkey)
        demand(match, f"{vkey} is no verifier key")
        self.name, self.id, encoded = match.groups()
        material = unbase64(encoded, "the key")
        demand(len(material) == 33 and material[0] == 1, f"{vkey} is no Ed25519 key")
        self.public = material[1:]
        digest = sha256(self.name.encode(), b"\n", material)
        demand(digest[:4].hex() == self.id, f"{vkey} has another id than its own")


def open_note(note):
    """The signed text, and its signatures as (name, id, signature)."""
    end = note.rfind("\n\n")
    demand(end >= 0 and note.endswith("\n"), "the checkpoint is no signed note")
    demand(not re.search("[\x00-\x09\x0b-\x1f]", note), "the note holds control characters")
    signatures = []
    for line in note[end + 2 : -1].split("\n"):
        match = re.fullmatch("\u2014 ([^\\s+]+) ([^ ]+)", line)
        demand(match, "a signature line is malformed")
        octets = unbase64(match[2], "a signature")
        demand(len(octets) > 4, "a signature is too short")
        signatures.append((match[1], octets[:4].hex(), octets[4:]))
    return note[: end + 1], signatures


def signed_by(keys, text, signatures):
    """How many of these keys signed. A signature by one of them that does not hold is an error."""
    signers = set()
    for name, key_id, signature in signatures:
        for key in keys:
            if (key.name, key.id) == (name, key_id):
                demand(ed25519(key.public, signature, text.encode()), f"{name}+{key_id} did not sign this")
                signers.add(key.id)
    return len(signers)


def parse_checkpoint(text):
    lines = text[:-1].split("\n")
    demand(len(lines) >= 3 and all(lines), "the note is no checkpoint")
    demand(re.fullmatch(r"0|[1-9]\d{0,15}", lines[1]), "the checkpoint has no size")
    root = unbase64(lines[2], "the root")
    demand(len(root) == 32, "the root is no hash")
    return lines[0], int(lines[1]), root


# --- Entries ------------------------------------------------------------------------------------

HEADER = ["v", "ledger", "index", "kind", "id", "recorded_at", "actor", "facts", "commitments", "previous"]


def parse_header(text, ledger, index):
    about_decision = '"decision_id":' in text and "decision_id" in parse(text)
    header = parse_canonical(text, HEADER + ["decision_id"] * about_decision, "the header")
    demand(len(text.encode()) <= HEADER_BYTES_MAX, "the header is too long")
    demand(canonical(header["v"]) == "1", "the header is not of version 1")
    demand(header["ledger"] == ledger, f"the header is of ledger {header['ledger']}")
    demand(integer(header["index"], "index") == index, f"the header says index {header['index']}")
    for member in ("kind", "id", "recorded_at", "actor"):
        demand(isinstance(header[member], str), f"{member} is no text")
    demand(KIND.fullmatch(header["kind"]), "the kind is none")
    demand(TIME.fullmatch(header["recorded_at"]), "recorded_at is no time")
    for member in ("facts", "commitments"):
        demand(isinstance(header[member], dict), f"{member} is no object")
    for commitment in header["commitments"].values():
        unhex(commitment, "a commitment")
    unhex(header["previous"], "previous")
    return header


def check_content(content, header):
    """The committed fields that are absent."""
    commitments = header["commitments"]
    demand(isinstance(content, dict), "the content is no object")
    for field, salted in content.items():
        demand(field in commitments, f"{field} is not committed to")
        fits = isinstance(salted, dict) and set(salted) == {"salt", "value"}
        demand(fits, f"{field} is no salt and value")
        salt = unhex(salted["salt"], "a salt")
        opened = sha256(salt, canonical([field, salted["value"]]).encode()).hex()
        demand(opened == commitments[field], f"{field} does not open its commitment")
    return {field for field in commitments if field not in content}


def targets_of(header):
    if header["kind"] != "content_erased":
        return []
    targets = header["facts"].get("targets")
    demand(isinstance(targets, list), "an erasure without targets")
    return [(integer(target["index"], "a target"), target["fields"]) for target in targets]


class Report:
    def __init__(self):
        self.findings = []
        self.unproven = []
        self.absent = {}
        self.entries = 0
        self.erased = 0

    def wrong(self, where, what):
        self.findings.append(f"{where}: {what}")

    def entry(self, line, ledger, index):
        """One entry line as an object; its header and leaf hash."""
        leaf = sha256(b"\x00", line["header"].encode())
        demand(line["chain_hash"] == leaf.hex(), "chain_hash is not the header's")
        header = parse_header(line["header"], ledger, index)
        absent = check_content(line["content"], header)
        if absent:
            self.absent[index] = absent
        return header, leaf

    def explain(self, header):
        for index, fields in targets_of(header):
            gone = self.absent.get(index, set())
            self.erased += len(gone.intersection(fields))
            gone.difference_update(fields)

    def finish(self, keyed):
        for index, fields in self.absent.items():
            if fields:
                self.unproven.append(f"entry {index}: {', '.join(sorted(fields))} absent")
        if not keyed:
            self.unproven.append("no key was given: the file vouches only for itself")
        return 1 if self.findings else 2 if self.unproven else 0


def check_checkpoint(note, origin, named, trusted):
    text, signatures = open_note(note)
    demand(isinstance(named, list) and all(isinstance(key, str) for key in named), "no verifier keys")
    keys = [Key(vkey) for vkey in named]
    demand(all(key.name == origin for key in keys), "verifier_keys names a key of another origin")
    known = {(key.name, key.id) for key in keys}
    unnamed = [name for name, key_id, _ in signatures if (name, key_id) not in known]
    demand(not unnamed, "a signature by a key that verifier_keys does not name")
    demand(signed_by(keys, text, signatures) > 0, "none of its own keys signed the checkpoint")
    if trusted:
        demand(signed_by(trusted, text, signatures) > 0, "no trusted key signed the checkpoint")
    found, size, root = parse_checkpoint(text)
    demand(found == origin, f"the checkpoint is of {found}")
    return size, root


def ledger_of(origin):
    demand(isinstance(origin, str), "the origin is no text")
    return origin.rpartition("/")[2]


def proven(report, line, ledger, size, root):
    """An entry with its index and inclusion proof."""
    demand(isinstance(line, dict), "an entry is no object")
    demand(set(line) == {"chain_hash", "content", "header", "index", "proof"}, "an entry has other members")
    demand(isinstance(line["header"], str), "the header is no text")
    index = integer(line["index"], "index")
    header, leaf = report.entry(line, ledger, index)
    demand(included(leaf, index, size, hashes(line["proof"], "proof"), root), f"entry {index} is not in the tree")
    return index, header


# --- Files --------------------------------------------------------------------------------------


def verify_export(lines, trusted, report):
    first = parse_canonical(
        decoded(next(lines)), ["edge", "format", "from", "origin", "to", "verifier_keys"], "the first line"
    )
    demand(first["format"] == "loopgrid-ledger/1", "the format is unknown")
    start, to = integer(first["from"], "from"), integer(first["to"], "to")
    demand(start <= to, "from is beyond to")
    origin, ledger = first["origin"], ledger_of(first["origin"])
    edge = Edge(start, hashes(first["edge"], "edge"))
    previous = ZEROS if start == 0 else None
    recorded_at = ""
    last = None
    for octets in lines:
        text = decoded(octets)
        demand(last is None, "a line stands behind the closing line")
        if text.startswith('{"checkpoint":'):
            last = parse_canonical(text, ["checkpoint", "count", "erasures", "proof"], "the closing line")
            continue
        index = edge.size
        line = parse_canonical(text, ["chain_hash", "content", "header"], f"entry {index}")
        demand(isinstance(line["header"], str), "the header is no text")
        header, leaf = report.entry(line, ledger, index)
        demand(previous in (None, header["previous"]), f"entry {index} does not follow the one before")
        demand(header["recorded_at"] >= recorded_at, f"entry {index} goes back in time")
        previous, recorded_at = leaf.hex(), header["recorded_at"]
        edge.append(leaf)
        report.entries += 1
        report.explain(header)
    if last is None:
        raise Unreadable("the file ends without its closing line")
    demand(integer(last["count"], "count") == to - start == report.entries, "entries are missing")
    demand(isinstance(last["checkpoint"], str), "the checkpoint is no text")
    size, root = check_checkpoint(last["checkpoint"], origin, first["verifier_keys"], trusted)
    path = hashes(last["proof"], "proof")
    demand(consistent(edge.size, size, edge.root(), root, path), "the entries are not those that were signed")
    demand(isinstance(last["erasures"], list), "erasures is no list")
    after = edge.size - 1
    for line in last["erasures"]:
        index, header = proven(report, line, ledger, size, root)
        demand(index > after, "the later erasures are not in order")
        demand(header["kind"] == "content_erased", f"entry {index} is no erasure")
        after = index
        report.explain(header)


def verify_evidence(text, trusted, report):
    bundle = parse_canonical(
        text, ["checkpoint", "entries", "format", "origin", "verifier_keys"], "the bundle"
    )
    demand(bundle["format"] == "loopgrid-evidence/1", "the format is unknown")
    origin, ledger = bundle["origin"], ledger_of(bundle["origin"])
    demand(isinstance(bundle["checkpoint"], str), "the checkpoint is no text")
    size, root = check_checkpoint(bundle["checkpoint"], origin, bundle["verifier_keys"], trusted)
    demand(isinstance(bundle["entries"], list) and bundle["entries"], "no entries")
    story = [proven(report, line, ledger, size, root) for line in bundle["entries"]]
    indexes = [index for index, _ in story]
    demand(indexes == sorted(set(indexes)), "the entries are not in order")
    report.entries = len(story)
    decision = story[0][1].get("decision_id")
    demand(story[0][1]["kind"] == "decision_recorded", "it does not begin with a recording")
    for index, header in story[1:]:
        took = {target for target, _ in targets_of(header)}
        about = header.get("decision_id") == decision or took.intersection(indexes)
        demand(about, f"entry {index} is about another decision")
    for _, header in story:
        report.explain(header)


def decoded(octets):
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable("not UTF-8") from error


def without_line_feeds(file):
    for line in file:
        yield line.removesuffix(b"\n")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("file")
    arguments.add_argument("--key", action="append", default=[])
    given = arguments.parse_args()
    report = Report()
    try:
        trusted = [Key(vkey) for vkey in given.key]
        with open(given.file, "rb") as file:
            start = file.read(8)
            file.seek(0)
            if start == b'{"edge":':
                verify_export(without_line_feeds(file), trusted, report)
            elif start.startswith(b"{"):
                verify_evidence(decoded(file.read()).removesuffix("\n"), trusted, report)
            else:
                raise Unreadable("neither an export nor an evidence bundle")
    except Wrong as error:
        report.wrong(f"after {report.entries} entries", str(error))
    except (Unreadable, OSError) as error:
        report.unproven.append(str(error))
    code = report.finish(bool(given.key))
    verdict = {
        "status": ["verified", "tampered", "unproven"][code],
        "entries": report.entries,
        "erased": report.erased,
        "findings": report.findings,
        "unproven": report.unproven,
    }
    print(json.dumps(verdict))
    return code


if __name__ == "__main__":
    sys.exit(main())
