"""`@grid.decision("type")`."""

import asyncio
import dataclasses
import unittest
from datetime import datetime, timezone
from decimal import Decimal

from loopgrid import Capture, LoopGrid, UndeliveredError
from support import URL, unique


@dataclasses.dataclass
class Order:
    number: int
    paid: Decimal


class Decorated(unittest.TestCase):
    def setUp(self):
        self.grid = LoopGrid(URL, unique("decorated"), exit_timeout_ms=0)

    def recorded(self):
        self.grid.flush()
        return list(self.grid.decisions.all(service_name=self.grid.service_name))[::-1]

    def test_a_call_that_returns_is_recorded_with_its_arguments_by_name(self):
        @self.grid.decision("refund", model={"provider": "rules", "name": "v7"})
        def decide(order, limit=100, *more, **options):
            """Decides."""
            order.number = 0  # what it was given is what is recorded
            return {"refund": True}

        given = Order(5512, Decimal("12.50"))
        self.assertEqual(decide(given, 50, "x", now=datetime(2026, 1, 2, tzinfo=timezone.utc)), {"refund": True})
        self.assertEqual((decide.__name__, decide.__doc__), ("decide", "Decides."))
        (decision,) = self.recorded()
        self.assertEqual(decision["decision_type"], "refund")
        self.assertEqual(decision["model"], {"provider": "rules", "name": "v7"})
        self.assertEqual(decision["output"], {"refund": True})
        self.assertEqual(
            decision["input"]["arguments"],
            {
                "order": {"number": 5512, "paid": "12.50"},
                "limit": 50,
                "more": ["x"],
                "options": {"now": "2026-01-02 00:00:00+00:00"},
            },
        )

    def test_async_functions_and_methods_are_recorded_too(self):
        grid = self.grid

        class Agent:
            @grid.decision("route")
            async def route(self, ticket):
                await asyncio.sleep(0)
                return "billing"

        self.assertEqual(asyncio.run(Agent().route("help")), "billing")
        self.assertTrue(asyncio.iscoroutinefunction(Agent.route))
        (decision,) = self.recorded()
        self.assertEqual(decision["input"], {"arguments": {"ticket": "help"}})
        self.assertEqual(decision["output"], {"result": "billing"})
        self.assertEqual(decision["model"]["provider"], "function")

    def test_a_call_that_raises_decided_nothing(self):
        @self.grid.decision("refund")
        def decide():
            raise KeyError("mine")

        with self.assertRaisesRegex(KeyError, "mine"):
            decide()
        self.assertEqual(self.recorded(), [])

    def test_input_and_output_can_be_shaped_and_redacted(self):
        @self.grid.decision(
            "refund",
            input=lambda arguments: {"order": arguments["order"]},
            output=lambda result: {"verdict": result},
            capture=Capture(redact=lambda one: {**one, "metadata": {"seen": sorted(one["input"])}}),
        )
        def decide(order, name):
            return "yes"

        decide(1, "Jane Doe")
        (decision,) = self.recorded()
        self.assertEqual((decision["input"], decision["output"]), ({"order": 1}, {"verdict": "yes"}))
        self.assertEqual(decision["metadata"], {"seen": ["order"]})

    def test_values_without_json_are_named_and_never_break_the_call(self):
        class Secretive:
            def __repr__(self):
                return "password"

        nested = []
        nested.append(nested)

        @self.grid.decision("refund")
        def decide(*values):
            return values[0]

        secret = Secretive()
        self.assertIs(decide(secret, float("nan"), 2**60, b"octets", nested, {3: "three"}), secret)
        (decision,) = self.recorded()
        values = decision["input"]["arguments"]["values"]
        self.assertTrue(values[0].endswith("Secretive>"))
        self.assertEqual(values[1:4], ["nan", str(2**60), "<6 bytes>"])
        self.assertEqual(values[5], {"3": "three"})

        class Broken(dict):
            def items(self):
                raise RuntimeError("mine")

        with self.assertLogs("loopgrid", "WARNING"):
            self.assertEqual(decide(Broken()), {})
        self.assertRaises(UndeliveredError, self.grid.flush)

    def test_generators_are_refused_when_they_are_decorated(self):
        def generate():
            yield 1

        self.assertRaises(TypeError, self.grid.decision("x"), generate)


if __name__ == "__main__":
    unittest.main()
