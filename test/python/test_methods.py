"""Every method beyond 0.1's, against the real server, sync and async."""

import asyncio
import inspect
import unittest

from loopgrid import AsyncLoopGrid, LoopGrid, LoopGridAPIError, LoopGridTimeoutError
from support import DECISION, URL, LocalServer, json_answer, unique

GROUPS = ("decisions", "replays", "experiments", "ledger", "exports", "records", "keys", "shares", "prices")


REVIEWER = {"ref": "rev-17", "kind": "natural_person", "auth": "declared"}


def public(thing):
    return {name for name in dir(thing) if not name.startswith("_")}


class Methods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.grid = LoopGrid(URL, unique("methods"))
        batch = cls.grid.decisions.record_batch([{**DECISION, "input": {"n": n}} for n in range(130)])
        cls.ids = [one["decision_id"] for one in batch["decisions"]]

    def test_the_async_client_has_everything_that_the_sync_one_has(self):
        both = AsyncLoopGrid(URL), LoopGrid(URL)
        self.assertEqual(public(both[0]), public(both[1]))
        for group in GROUPS:
            self.assertEqual(*(public(getattr(one, group)) for one in both), group)
        for name in ("record", "list_decisions", "compare"):
            signatures = [inspect.signature(getattr(type(one), name)) for one in both]
            self.assertEqual(*(list(one.parameters) for one in signatures))

    def test_pages_and_iterators_go_through_everything_once(self):
        service = self.grid.service_name
        page = self.grid.decisions.page(service_name=service, limit=50)
        self.assertEqual((len(page["decisions"]), page["has_more"]), (50, True))
        after = self.grid.decisions.page(service_name=service, limit=100, cursor=page["next_cursor"])
        self.assertEqual(len(after["decisions"]), 80)
        for found in (
            self.grid.decisions.all(service_name=service),
            self.grid.exports.decisions(service_name=service),
        ):
            self.assertEqual([one["decision_id"] for one in found], self.ids[::-1])
        csv = "".join(self.grid.exports.csv(service_name=service)).split("\r\n")
        self.assertEqual([line.split(",")[0] for line in csv[1:131]], self.ids[::-1])
        self.assertEqual(list(self.grid.decisions.all(service_name=service, from_="2100-01-01")), [])

    def test_a_story_is_told_whole(self):
        grid, (decision_id, *_) = self.grid, self.ids
        grid.mark_incorrect(decision_id, "no", idempotency_key=unique("key"))
        review = {"reviewer": REVIEWER, "trigger": "complaint"}
        grid.attach_correction(decision_id, {"response": "y"}, "jane", **review, receipt="proof")
        kinds = [one["kind"] for one in grid.decisions.history(decision_id)["entries"]]
        self.assertEqual(kinds, ["decision_recorded", "decision_flagged", "correction_attached"])
        self.assertTrue(grid.decisions.tlog_proof(decision_id).startswith("c2sp.org/tlog-proof@v1"))
        held = grid.decisions.hold(decision_id, "litigation")
        self.assertEqual((held["decision_id"], held["held"]), (decision_id, True))
        with self.assertRaises(LoopGridAPIError):
            grid.decisions.erase(decision_id, "gdpr_article_17")
        grid.decisions.hold(decision_id, "litigation", held=False)
        erased = grid.decisions.erase(decision_id, "gdpr_article_17", fields=["input"], request_id="R-1")
        # The batch's own request quotes it, and goes too.
        self.assertEqual((erased["erased"], erased["input"]), (["input", "request"], None))
        self.assertEqual(grid.get_decision(decision_id)["erased"], ["input", "request"])

    def test_the_ledger_shows_itself(self):
        ledger = self.grid.ledger
        state = ledger.state()
        self.assertTrue(ledger.checkpoint().startswith(f"{state['origin']}\n"))
        size = LoopGrid(URL, unique("ledger")).record(**DECISION)["receipt"]["size"]
        self.assertIn(f"\n{size}\n", ledger.checkpoint(size=size))
        self.assertEqual(len(list(ledger.entries(1, 4))), 3)
        self.assertEqual(len(list(ledger.entries(0, 60, content=False))), 60)
        near = state["size"] - 3
        self.assertGreaterEqual(len(list(ledger.entries(near))), 3)
        proof = ledger.inclusion_proof(1, 5)
        self.assertEqual((proof["index"], proof["size"]), (1, 5))
        self.assertEqual(ledger.consistency_proof(1, 5)["from"], 1)
        lines = list(self.grid.exports.ledger(0, 3))
        self.assertEqual(len(lines), 5)

    def test_replays_are_listed_started_and_waited_for(self):
        replay = self.grid.replays.start(self.ids[1], {"input": {"n": -1}}, mode="simulated")
        done = self.grid.replays.wait(replay["replay_id"])
        self.assertEqual(done["execution_mode"], "simulated")
        found = [one["replay_id"] for one in self.grid.replays.all(decision_id=self.ids[1])]
        self.assertEqual(found, [replay["replay_id"]])
        page = self.grid.replays.page(limit=1, decision_id=self.ids[1])
        self.assertEqual([one["replay_id"] for one in page["replays"]], found)

    def test_operators_have_their_routes(self):
        grid = self.grid
        self.assertIn("openai", [one["name"] for one in grid.providers()])
        price = {"provider": "openai", "model": "gpt-4o*", "input": 2.5, "output": 10}
        version = grid.prices.set([price], currency="EUR")["version"]
        self.assertEqual(grid.prices.get(version)["currency"], "EUR")
        key = grid.keys.create("python", ["record"])
        self.assertTrue(key["key"])
        rotated = grid.keys.rotate(key["key_id"], overlap_seconds=60)
        self.assertEqual(rotated["replaces"], key["key_id"])
        self.assertEqual(grid.keys.revoke(rotated["key_id"])["key_id"], rotated["key_id"])
        listed = {one["key_id"]: one["revoked_at"] for one in grid.keys.all()}
        self.assertIsNone(listed[key["key_id"]])
        self.assertIsNotNone(listed[rotated["key_id"]])
        share = grid.shares.create("evidence", decision_id=self.ids[2], expires_in_seconds=60)
        self.assertEqual((share["kind"], grid.shares.create("report")["kind"]), ("evidence", "report"))
        # An open server has nobody to log.
        self.assertEqual(list(grid.access_log()), [])
        self.assertIn("LoopGrid Compliance Report", grid.compliance_report_html())

    def test_capture_facts_go_with_every_record_and_come_back(self):
        grid = LoopGrid(URL, unique("facts"))
        facts = {"occurred_at": "2026-01-01T00:00:00Z", "automation_level": "full"}
        recorded = grid.record(**DECISION, **facts, system_version="v1")
        self.assertEqual(recorded["automation_level"], "full")
        grid.decisions.record_batch([{**DECISION, "decision_role": "sole"}, DECISION])
        third, second, first = grid.decisions.all(service_name=grid.service_name)
        self.assertEqual((first["system_version"], second["decision_role"]), ("v1", "sole"))
        for number, decision in enumerate((first, second, third), 1):
            stamp = (decision["writer_id"], decision["writer_seq"])
            self.assertEqual(stamp, (grid.writer_id, number))

    def test_experiments_are_estimated_run_waited_for_and_read(self):
        grid = self.grid
        for decision_id in self.ids[4:7]:
            grid.attach_correction(decision_id, {"response": "You were charged twice."}, "jane")
        asked = {
            "selection": {"decision_ids": self.ids[4:7]},
            "overrides": {"input": {"message": "again"}},
            "scorers": [{"type": "normalized_text"}],
            "mode": "simulated",
        }
        before = [one["experiment_id"] for one in grid.experiments.all()]
        estimate = grid.experiments.estimate(**asked)
        self.assertEqual(estimate["selection"]["count"], 3)
        self.assertEqual([one["experiment_id"] for one in grid.experiments.all()], before)
        looks = []
        begun = grid.experiments.create(**asked, name="from python", max_items=2)
        ended = grid.experiments.wait(begun["experiment_id"], timeout_s=60, seen=looks.append)
        self.assertEqual((ended["name"], ended["progress"]["total"]), ("from python", 3))
        self.assertGreaterEqual(len(looks), 1)
        items = list(grid.experiments.items(begun["experiment_id"]))
        self.assertEqual([one["decision_id"] for one in items], self.ids[4:7])
        listed = [one["experiment_id"] for one in grid.experiments.all()]
        self.assertEqual(listed, [begun["experiment_id"], *before])
        again = grid.experiments.resume(begun["experiment_id"], max_items=3)
        self.assertEqual(again["experiment_id"], begun["experiment_id"])
        self.assertEqual(
            grid.experiments.cancel(begun["experiment_id"])["experiment_id"], begun["experiment_id"]
        )
        with self.assertRaisesRegex(LoopGridAPIError, "selection"):
            grid.experiments.estimate({}, None, asked["scorers"])

    def test_waiting_for_an_experiment_ends(self):
        server = LocalServer(lambda _: json_answer(200, {"state": "running", "report": None}))
        self.addCleanup(server.close)
        with self.assertRaisesRegex(LoopGridTimeoutError, "exp_1 is still running"):
            LoopGrid(server.url).experiments.wait("exp_1", timeout_s=0)

    def test_records_are_added_listed_read_and_erased(self):
        grid, decision_id = self.grid, self.ids[8]
        record = grid.records.add(
            "review", decision_id=decision_id, reviewer=REVIEWER, outcome="confirm", notes="Jane was right"
        )
        self.assertEqual((record["kind"], record["content"]), ("review", {"notes": "Jane was right"}))
        self.assertEqual(grid.records.get(record["record_id"])["facts"]["outcome"], "confirm")
        found = [one["record_id"] for one in grid.records.all(kind="review", decision_id=decision_id)]
        self.assertEqual(found, [record["record_id"]])
        erased = grid.records.erase(record["record_id"], "gdpr_article_17")
        self.assertEqual((erased["content"], erased["erased"]), ({}, ["notes"]))
        self.assertEqual(grid.records.prune(dry_run=True)["pruned"], [])

    def test_what_was_lost_shows_as_a_gap_of_its_writer(self):
        grid = LoopGrid(URL, unique("gaps"))
        for n in range(6):
            if n == 3:
                with self.assertRaises(LoopGridAPIError):
                    grid.record("reply", {}, {"provider": 7}, {})
            else:
                grid.record(**DECISION)
        (writer,) = grid.ledger.gaps(grid.writer_id)["writers"]
        self.assertEqual((writer["last"], writer["missing"]), (6, 1))
        self.assertEqual(writer["gaps"], [{"first": 4, "last": 4}])
        self.assertEqual(writer["services"], [grid.service_name])
        (found,) = grid.ledger.gaps(service_name=grid.service_name)["writers"]
        self.assertEqual(found["writer_id"], grid.writer_id)

    def test_the_async_client_answers_alike(self):
        async def story():
            async with AsyncLoopGrid(URL, self.grid.service_name) as grid:
                found = [one["decision_id"] async for one in grid.decisions.all(service_name=grid.service_name)]
                self.assertEqual(found, self.ids[::-1])
                exported = [one async for one in grid.exports.decisions(service_name=grid.service_name)]
                self.assertEqual(len(exported), len(found))
                self.assertEqual((await grid.ledger.state())["ledger"], "main")
                replay = await grid.create_replay(self.ids[3], mode="simulated")
                self.assertEqual((await grid.replays.wait(replay["replay_id"]))["decision_id"], self.ids[3])
                self.assertIsNot((await grid.verify_integrity())["valid"], False)

        asyncio.run(story())


if __name__ == "__main__":
    unittest.main()
