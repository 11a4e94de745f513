"""LoopGrid 0.1's own usage, with nothing changed but where `loopgrid` is imported from."""

import inspect
import unittest

from loopgrid import LoopGrid, LoopGridAPIError, LoopGridError, __version__
from support import URL, unique


class OldUsage(unittest.TestCase):
    def test_the_story_of_the_old_readme_runs_unchanged(self):
        grid = LoopGrid(base_url=URL, service_name=unique("old"))
        self.assertEqual(grid.health()["status"], "healthy")
        decision = grid.record_decision(
            decision_type="customer_support_reply",
            input={"message": "I was charged twice"},
            model={"provider": "openai", "name": "gpt-4"},
            output={"response": "Your account looks fine."},
        )
        self.assertEqual(len(decision["content_hash"]), 64)
        flagged = grid.mark_incorrect(decision["decision_id"], reason="Missed billing issue")
        self.assertEqual(flagged["status"], "incorrect")
        replay = grid.create_replay(
            decision_id=decision["decision_id"],
            overrides={"prompt": {"template": "support_v2"}, "input": {"message": "again"}},
        )
        self.assertEqual(replay["triggered_by"], "sdk")
        self.assertIn("output_changed", replay)
        corrected = grid.attach_correction(
            decision_id=decision["decision_id"],
            correction={"response": "Refund initiated."},
            corrected_by="agent_42",
        )
        self.assertEqual(corrected["correction"]["output"], {"response": "Refund initiated."})
        self.assertEqual(grid.get_decision(decision["decision_id"])["status"], "corrected")
        self.assertEqual(grid.get_replay(replay["replay_id"])["replay_id"], replay["replay_id"])
        compared = grid.compare(decision["decision_id"], replay["replay_id"])
        self.assertEqual(compared["original_output"], decision["output"])
        listed = grid.list_decisions(service_name=grid.service_name, status="corrected", page=1)
        self.assertEqual([one["decision_id"] for one in listed["decisions"]], [decision["decision_id"]])
        integrity = grid.verify_integrity()
        self.assertIs(integrity["valid"], True)
        self.assertIs(integrity["integrity"]["valid"], True)
        report = grid.compliance_report(grid.service_name)
        article = report["eu_ai_act_mapping"]["article_12_record_keeping"]
        self.assertEqual(article["status"], "compliant")

    def test_every_old_method_takes_its_old_arguments_in_their_old_order(self):
        old = {
            "__init__": ["base_url", "service_name", "timeout"],
            "record_decision": "decision_type input model output prompt tool_calls metadata".split(),
            "get_decision": ["decision_id"],
            "list_decisions": ["service_name", "decision_type", "status", "page", "page_size"],
            "mark_incorrect": ["decision_id", "reason"],
            "attach_correction": ["decision_id", "correction", "corrected_by", "notes"],
            "create_replay": ["decision_id", "overrides", "triggered_by"],
            "get_replay": ["replay_id"],
            "compare": ["decision_id", "replay_id"],
            "verify_integrity": ["service_name"],
            "compliance_report": ["service_name"],
            "health": [],
        }
        for name, parameters in old.items():
            found = inspect.signature(getattr(LoopGrid, name)).parameters.values()
            positional = [one.name for one in found if one.kind is one.POSITIONAL_OR_KEYWORD]
            self.assertEqual([one for one in positional if one != "self"], parameters, name)

    def test_old_errors_are_caught_as_before(self):
        grid = LoopGrid(URL)
        with self.assertRaises(LoopGridError) as caught:
            grid.get_decision("dec_missing")
        error = caught.exception
        self.assertIsInstance(error, LoopGridAPIError)
        self.assertEqual((error.status_code, error.detail), (404, "Decision dec_missing not found"))
        self.assertEqual(str(error), "API Error 404: Decision dec_missing not found")
        with self.assertRaises(LoopGridError) as caught:
            LoopGrid("http://127.0.0.1:9", max_retries=0).health()
        self.assertIn("Cannot connect to LoopGrid at http://127.0.0.1:9", str(caught.exception))

    def test_old_attributes_are_there(self):
        grid = LoopGrid(base_url=f"{URL}/", service_name="support-agent", timeout=7)
        self.assertEqual((grid.base_url, grid.service_name, grid.timeout), (URL, "support-agent", 7))
        self.assertEqual(repr(grid), f"LoopGrid(base_url='{URL}', service_name='support-agent')")
        self.assertRegex(__version__, r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    unittest.main()
