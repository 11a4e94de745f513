"""Receipts and evidence, verified in the client alone: what the server made holds, whatever is changed of
it does not. The second implementation in test/support/verify.py shares no code with this one."""

import json
import random
import re
import subprocess
import sys
import tempfile
import unittest

from loopgrid import LoopGrid
from loopgrid.verify import verify_commitment, verify_evidence, verify_export, verify_receipt
from loopgrid.verify._canonical import NotCanonical, NotJson, canonical, parse_canonical
from loopgrid.verify._ed25519 import verify_ed25519
from loopgrid.verify._entry import commitment_of
from loopgrid.verify._note import VerifierKey, open_checkpoint
from loopgrid.verify._tree import Edge, is_prefix, leaf_hash, node_hash, root_from
from support import REPOSITORY, URL, unique

AWKWARD = {
    "numbers": [1e21, 1.2345678901234568e20, 1e-7, 0.000001, -0.0, 0.1, 100, 5e-324, 1.7976931348623157e308],
    "\u20ac": "Euro",
    "\U0001f600": "sorts before",
    "\ufb33": "this",
    "\u0080": "\x00\x1f\x7f\u2028\u2029\"\\/\b\t\n\f\r",
    "": [[], {}, None, True, False],
}
#: Of the seed 00 01 … 1f: nobody signs the ledger with it.
STRANGERS_KEY = "example.org/main+e72ac288+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.grid = grid = LoopGrid(URL, unique("verify é"))
        params = {"decision_type": "reply", "model": {"provider": "openai", "name": "gpt-4"}}
        cls.decision = grid.record(
            input={"name": "Jane Doe"}, output=AWKWARD, receipt="proof", **params
        )
        cls.id = cls.decision["decision_id"]
        grid.mark_incorrect(cls.id, "Jane Doe complained")
        grid.attach_correction(cls.id, {"response": "é"}, "jane")
        grid.decisions.erase(cls.id, "gdpr_article_17", fields=["input"])
        batch = grid.decisions.record_batch([{**params, "input": {"n": n}, "output": {}} for n in range(40)])
        # Others write to the ledger meanwhile: the batch may stand anywhere behind.
        cls.end = batch["decisions"][-1]["index"] + 1
        cls.evidence = grid.decisions.evidence(cls.id)
        cls.keys = grid.ledger.state()["verifier_keys"]


class Evidence(Served):
    def test_a_bundle_of_the_server_is_verified_and_counted(self):
        verdict = verify_evidence(self.evidence, self.keys)
        self.assertEqual((verdict.status, verdict.findings, verdict.unproven), ("verified", (), ()))
        self.assertEqual((verdict.entries, verdict.erased), (4, 2))
        self.assertTrue(verdict.is_verified)
        whole = self.grid.record("reply", AWKWARD, {"provider": "x"}, AWKWARD)
        bundle = self.grid.decisions.evidence(whole["decision_id"])
        self.assertEqual(verify_evidence(bundle, self.keys[0]).status, "verified")

    def test_without_a_key_it_is_unproven_and_with_anothers_tampered(self):
        self.assertEqual(verify_evidence(self.evidence).status, "unproven")
        verdict = verify_evidence(self.evidence, STRANGERS_KEY)
        self.assertEqual((verdict.status, verdict.findings[0].fault), ("tampered", "signature_invalid"))
        for no_key in ("", "main", STRANGERS_KEY.replace("e72ac288", "e72ac289")):
            self.assertRaises(ValueError, verify_evidence, self.evidence, [no_key])

    def test_a_bit_flipped_in_any_octet_is_never_verified(self):
        chance = random.Random(7)
        small = self.grid.record("reply", {"n": 1}, {"name": "m"}, {"o": "é"})["decision_id"]
        # All of a small one, and some of one with everything in it.
        for text, step in ((self.grid.decisions.evidence(small), 1), (self.evidence, 17)):
            octets = text.encode()
            self.assertTrue(verify_evidence(text, self.keys).is_verified)
            for at in range(0, len(octets), step):
                flipped = bytearray(octets)
                flipped[at] ^= 1 << chance.randrange(8)
                changed = flipped.decode("utf-8", "surrogateescape")
                self.assertFalse(verify_evidence(changed, self.keys).is_verified, at)

    def test_edits_in_canonical_form_are_found_with_their_fault(self):
        def edited(change):
            bundle = json.loads(self.evidence)
            change(bundle)
            return verify_evidence(canonical(bundle), self.keys)

        def header(bundle, old, new, n=0):
            entry = bundle["entries"][n]
            entry["header"] = entry["header"].replace(old, new)

        def swap(bundle):
            bundle["entries"][1:3] = bundle["entries"][2:0:-1]

        def value(bundle):
            bundle["entries"][1]["content"]["reason"]["value"] = "nobody complained"

        def uncommitted(bundle):
            bundle["entries"][1]["content"]["more"] = bundle["entries"][1]["content"]["reason"]

        cases = [
            (value, "content_mismatch"),
            (uncommitted, "content_mismatch"),
            (swap, "index_gap"),
            (lambda b: header(b, '"openai"', '"opemai"'), "chain_broken"),
            (lambda b: b["entries"].pop(0), "content_mismatch"),
            (lambda b: b["entries"][1]["proof"].pop(), "root_mismatch"),
            (lambda b: b["entries"][1]["proof"].append("00" * 32), "root_mismatch"),
            (lambda b: b["entries"][1].update(index=40), "index_gap"),
            (lambda b: b.update(origin="loopgrid.local/mein"), "signature_invalid"),
            (lambda b: b["verifier_keys"].append(STRANGERS_KEY), "signature_invalid"),
            (lambda b: b.update(more=1), "content_mismatch"),
            (lambda b: b.update(format="loopgrid-evidence/2"), "content_mismatch"),
        ]
        for number, (change, fault) in enumerate(cases):
            verdict = edited(change)
            self.assertEqual(verdict.status, "tampered", (number, verdict))
            self.assertIn(fault, [one.fault for one in verdict.findings], number)

    def test_what_is_absent_without_an_erasure_is_unproven(self):
        bundle = json.loads(self.evidence)
        del bundle["entries"][1]["content"]["reason"]
        verdict = verify_evidence(canonical(bundle), self.keys)
        self.assertEqual(verdict.status, "unproven")
        self.assertIn("reason absent", verdict.unproven[0])

    def test_what_is_no_bundle_is_unproven_and_never_raises(self):
        for text in ("", "{", "[]", "null", "{}", "NaN", '{"a":1,"a":1}', "[" * 100_000, "\ud800"):
            verdict = verify_evidence(text, self.keys)
            self.assertIn(verdict.status, ("unproven", "tampered"), text[:20])


class Receipts(Served):
    def check(self, receipt=None, chain_hash=None, keys=None):
        receipt = self.decision["receipt"] if receipt is None else receipt
        chain_hash = self.decision["chain_hash"] if chain_hash is None else chain_hash
        answer = {"receipt": receipt, "chain_hash": chain_hash}
        return verify_receipt(answer, self.keys if keys is None else keys)

    def test_a_receipt_with_proof_is_verified_offline(self):
        verdict = self.check()
        self.assertEqual((verdict.status, verdict.findings), ("verified", ()))
        self.assertEqual(verdict.size, self.decision["receipt"]["size"])

    def test_one_without_a_key_or_a_proof_is_unproven(self):
        self.assertEqual(self.check(keys=[]).status, "unproven")
        bare = {k: v for k, v in self.decision["receipt"].items() if k != "proof"}
        self.assertEqual(self.check(bare).status, "unproven")

    def test_whatever_is_changed_is_found(self):
        receipt = self.decision["receipt"]
        flipped = lambda text: text[:-1] + ("0" if text[-1] != "0" else "1")
        changes = [
            {"index": receipt["index"] + 1},
            {"size": receipt["size"] + 1},
            {"root_hash": flipped(receipt["root_hash"])},
            {"ledger": "mein"},
            {"proof": [*receipt["proof"], "00" * 32]},
            {"proof": [flipped(receipt["proof"][0]), *receipt["proof"][1:]]} if receipt["proof"] else {"more": 1},
            {"checkpoint": receipt["checkpoint"].replace("loopgrid.local", "loopgrid.locel", 1)},
            {"checkpoint": "x"},
            {"index": True},
        ]
        for change in changes:
            verdict = self.check({**receipt, **change})
            self.assertEqual(verdict.status, "tampered", change)
        self.assertEqual(self.check(chain_hash=flipped(self.decision["chain_hash"])).status, "tampered")
        self.assertEqual(self.check(keys=STRANGERS_KEY).status, "tampered")
        octets = receipt["checkpoint"].encode()
        for at in range(len(octets)):
            changed = bytearray(octets)
            changed[at] ^= 1 << (at % 8)
            text = changed.decode("utf-8", "surrogateescape")
            self.assertNotEqual(self.check({**receipt, "checkpoint": text}).status, "verified", at)


class Exports(Served):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = cls.decision["index"]
        cls.lines = list(cls.grid.exports.ledger(first, cls.end))
        cls.first = first

    def both(self, lines):
        """This verifier's verdict; the independent one has to say the same."""
        verdict = verify_export(lines, self.keys)
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            script = REPOSITORY / "test" / "support" / "verify.py"
            keys = [part for key in self.keys for part in ("--key", key)]
            command = [sys.executable, str(script), file.name, *keys]
            told = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
        self.assertEqual(verdict.status, told["status"], (verdict, told))
        if verdict.is_verified:
            counts = (told["entries"], told["erased"])
            self.assertEqual((verdict.entries, verdict.erased), counts)
        return verdict

    def test_ranges_of_the_ledger_are_verified_as_the_independent_verifier_says(self):
        self.assertEqual(self.both(self.lines).status, "verified")
        beginning = list(self.grid.exports.ledger(0, 5))
        self.assertEqual(self.both(beginning).entries, 5)
        nothing_before = list(self.grid.exports.ledger(1, 2))
        self.assertEqual(self.both(nothing_before).status, "verified")
        self.assertEqual(verify_export(self.lines).status, "unproven")
        self.assertEqual(verify_export(self.lines, STRANGERS_KEY).status, "tampered")

    def test_lines_dropped_doubled_swapped_cut_or_edited_are_found(self):
        lines = self.lines
        erasure = next(n for n, line in enumerate(lines) if "content_erased" in line)
        edits = {
            "dropped": (lines[:3] + lines[4:], "tampered"),
            "doubled": (lines[:3] + lines[2:], "tampered"),
            "swapped": (lines[:2] + [lines[3], lines[2]] + lines[4:], "tampered"),
            "cut": (lines[:-1], "unproven"),
            "half": (lines[:-1] + [lines[-1][:50]], "unproven"),
            "continued": (lines + [lines[-1]], "tampered"),
            "edited": ([line.replace('"value":{"n":7}', '"value":{"n":8}') for line in lines], "tampered"),
            "another erasure": (lines[:erasure] + lines[erasure + 1 :], "tampered"),
            "another origin": ([line.replace("loopgrid.local", "loopgrid.locol") for line in lines], "tampered"),
            "nothing": ([], "unproven"),
        }
        for name, (edited, status) in edits.items():
            self.assertNotEqual(edited, lines)
            verdict = self.both(edited) if edited else verify_export(edited, self.keys)
            self.assertEqual(verdict.status, status, (name, verdict))

    def test_a_bit_flipped_in_any_line_is_never_verified(self):
        chance = random.Random(11)
        lines = list(self.grid.exports.ledger(self.first, self.first + 3))
        self.assertTrue(verify_export(lines, self.keys).is_verified)
        for number, line in enumerate(lines):
            octets = line.encode()
            for at in range(chance.randrange(5), len(octets), 9):
                flipped = bytearray(octets)
                flipped[at] ^= 1 << chance.randrange(8)
                changed = flipped.decode("utf-8", "surrogateescape")
                verdict = verify_export([*lines[:number], changed, *lines[number + 1 :]], self.keys)
                self.assertFalse(verdict.is_verified, (number, at))


class Vectors(unittest.TestCase):
    def test_consistency_holds_for_every_pair_of_small_trees(self):
        leaves = [leaf_hash(bytes([n])) for n in range(20)]

        def root(hashes):
            edge = Edge(0, [])
            for one in hashes:
                edge.append(one)
            return edge.root()

        def split(count):
            power = 1
            while power * 2 < count:
                power *= 2
            return power

        def proof(size, hashes, known):
            if size == len(hashes):
                return [] if known else [root(hashes)]
            middle = split(len(hashes))
            if size <= middle:
                return [*proof(size, hashes[:middle], known), root(hashes[middle:])]
            return [*proof(size - middle, hashes[middle:], False), root(hashes[:middle])]

        for new in range(1, 20):
            for old in range(1, new + 1):
                made = proof(old, leaves[:new], True)
                roots = root(leaves[:old]), root(leaves[:new])
                self.assertTrue(is_prefix((old, new), roots, made), (old, new))
                self.assertFalse(is_prefix((old, new), roots, [*made, leaves[0]]))
                self.assertFalse(is_prefix((old, new), (roots[0], leaves[19]), made))
                if made:
                    self.assertFalse(is_prefix((old, new), roots, made[1:]))

    def test_the_worked_example_of_the_specification_holds(self):
        text = (REPOSITORY / "src/ledger/FORMAT.md").read_text()
        blocks = re.findall(r"```\n(.*?)```", text[text.index("## 4.") :], re.DOTALL)
        vkey, header, hashes, line, root, note = blocks
        key = VerifierKey.parse(vkey.strip())
        checkpoint, others = open_checkpoint(note, [key])
        self.assertEqual((checkpoint.origin, checkpoint.size, list(others)), ("example.org/main", 2, []))
        self.assertEqual(checkpoint.root_hash.hex(), root.strip())
        first = leaf_hash(header.strip().encode())
        self.assertEqual(first.hex(), hashes.split()[0])
        entry = parse_canonical(line.strip())
        second = leaf_hash(entry["header"].encode())
        self.assertEqual(node_hash(first, second), checkpoint.root_hash)
        self.assertEqual(root_from(1, 2, second, [first]), checkpoint.root_hash)
        commitments = json.loads(entry["header"])["commitments"]
        self.assertEqual(commitment_of("reason", entry["content"]["reason"]), commitments["reason"])

    def test_ed25519_holds_for_rfc_8032s_vectors_and_nothing_near(self):
        vectors = [
            (
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ]
        order = 2**252 + 27742317777372353535851937790883648493
        for key, message, signature in (map(bytes.fromhex, one) for one in vectors):
            self.assertTrue(verify_ed25519(key, signature, message))
            self.assertFalse(verify_ed25519(key, signature, message + b"x"))
            for at in (0, 31, 32, 63):
                changed = bytearray(signature)
                changed[at] ^= 1
                self.assertFalse(verify_ed25519(key, bytes(changed), message))
            scalar = int.from_bytes(signature[32:], "little") + order
            if scalar < 2**256:  # the same signature, spelled otherwise
                other = signature[:32] + scalar.to_bytes(32, "little")
                self.assertFalse(verify_ed25519(key, other, message))

    def test_keys_of_low_order_are_refused(self):
        for point in (
            "00" * 32,
            "01" + "00" * 31,
            "ec" + "ff" * 30 + "7f",
            "ed" + "ff" * 30 + "7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ):
            self.assertFalse(verify_ed25519(bytes.fromhex(point), bytes.fromhex(point) + bytes(32), b""))

    def test_numbers_are_written_as_rfc_8785_writes_them(self):
        for number, text in (
            (0.0, "0"), (-0.0, "0"), (1e21, "1e+21"), (1e20, "100000000000000000000"),
            (1e-6, "0.000001"), (1e-7, "1e-7"), (5e-324, "5e-324"), (-1.5, "-1.5"),
            (1.7976931348623157e308, "1.7976931348623157e+308"), (9007199254740992, "9007199254740992"),
            (333333333.3333333, "333333333.3333333"), (1e23, "1e+23"), (4.5, "4.5"), (123e-20, "1.23e-18"),
            (295147905179352830000.0, "295147905179352830000"), (0.1, "0.1"),
        ):
            self.assertEqual(canonical(number), text)
            self.assertEqual(parse_canonical(text), number)

    def test_other_spellings_are_refused(self):
        for text in ("1.0", "1E3", "-0", " 1", '{"b":1,"a":1}', '"\\u00e9"', '{"a":1,"a":1}', "[1, 2]"):
            self.assertRaises(NotCanonical, parse_canonical, text)
        for text in ("", "{", "NaN", "Infinity", "nul"):
            self.assertRaises(NotJson, parse_canonical, text)


if __name__ == "__main__":
    unittest.main()
