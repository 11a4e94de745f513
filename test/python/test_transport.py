"""Requests, retries, errors and credentials, against the real server and one that misbehaves."""

import asyncio
import os
import threading
import time
import unittest
from unittest import mock

import loopgrid
from loopgrid import AsyncLoopGrid, LoopGrid
from support import DECISION, URL, LocalServer, LossyProxy, json_answer, problem, unique


class Retries(unittest.TestCase):
    def setUp(self):
        self.proxy = LossyProxy()
        self.addCleanup(self.proxy.close)
        self.grid = LoopGrid(self.proxy.url, unique("retries"))

    def recorded(self):
        return LoopGrid(URL).list_decisions(self.grid.service_name)["total"]

    def test_an_append_whose_answer_is_lost_is_written_once(self):
        self.proxy.plan = ["lose", "lose"]
        first = self.grid.record(**DECISION)
        self.assertEqual((self.recorded(), self.grid.retries), (1, 2))
        keys = {one.headers["idempotency-key"] for one in self.proxy.received}
        self.assertEqual(len(keys), 1)
        self.assertEqual(self.proxy.received[0].body, self.proxy.received[2].body)
        self.assertEqual(first["receipt"]["index"], first["index"])

    def test_every_kind_of_append_is_safe_to_repeat(self):
        decision_id = self.grid.record(**DECISION)["decision_id"]
        self.proxy.plan = ["lose"]
        self.grid.decisions.record_batch([DECISION, DECISION])
        self.assertEqual(self.recorded(), 3)
        appends = [
            lambda: self.grid.mark_incorrect(decision_id),
            lambda: self.grid.attach_correction(decision_id, {"response": "y"}, "jane"),
            lambda: self.grid.create_replay(decision_id, mode="simulated"),
            lambda: self.grid.decisions.hold(decision_id, "litigation"),
            lambda: self.grid.decisions.hold(decision_id, "litigation", held=False),
            lambda: self.grid.decisions.erase(decision_id, "gdpr_article_17", fields=["input"]),
        ]
        for append in appends:
            before = len(self.grid.decisions.history(decision_id)["entries"])
            self.proxy.plan = ["lose"]
            append()
            self.assertEqual(len(self.grid.decisions.history(decision_id)["entries"]), before + 1)

    def test_a_key_of_the_callers_own_finds_what_was_written_before(self):
        key = unique("key")
        once = self.grid.record(**DECISION, idempotency_key=key)
        # By the same client, which has counted on, and by another process.
        for client in (self.grid, LoopGrid(URL, self.grid.service_name)):
            again = client.record(**DECISION, idempotency_key=key)
            self.assertEqual(again["decision_id"], once["decision_id"])
        batch_key = unique("key")
        first, second = (
            self.grid.decisions.record_batch([DECISION, DECISION], idempotency_key=batch_key)
            for _ in range(2)
        )
        self.assertEqual(first["decisions"], second["decisions"])

    def test_busy_servers_are_asked_again_and_waited_for(self):
        busy = problem(429, "Too many requests", {"Retry-After": "1"})
        self.proxy.plan = [busy, problem(503, "Not acknowledged", {"Retry-After": "0"})]
        begun = time.monotonic()
        self.grid.record(**DECISION)
        self.assertGreaterEqual(time.monotonic() - begun, 1)
        self.assertEqual((self.recorded(), len(self.proxy.received)), (1, 3))

    def test_a_refusal_is_never_asked_again_and_says_that_nothing_was_written(self):
        with self.assertRaises(loopgrid.InvalidRequestError) as caught:
            self.grid.record("reply", {}, {"provider": 7}, {})
        error = caught.exception
        self.assertEqual((error.status, error.code, error.outcome), (422, "invalid_request", "not_written"))
        self.assertEqual(error.errors[0]["path"], "model.provider")
        self.assertEqual(len(self.proxy.received), 1)

    def test_what_stays_unanswered_says_unknown_and_by_which_key_to_ask(self):
        self.proxy.plan = ["lose"] * 2
        grid = LoopGrid(self.proxy.url, unique("unknown"), max_retries=1)
        with self.assertRaises(loopgrid.LoopGridConnectionError) as caught:
            grid.record(**DECISION)
        error = caught.exception
        self.assertEqual(error.outcome, "unknown")
        self.assertEqual(error.idempotency_key, self.proxy.received[0].headers["idempotency-key"])
        self.assertEqual(LoopGrid(URL).list_decisions(grid.service_name)["total"], 1)
        # Refused after an attempt that may have been written: still unknown, but for a real refusal.
        self.proxy.plan = ["lose", problem(401, "No credential")]
        with self.assertRaises(loopgrid.AuthenticationError) as caught:
            grid.record(**DECISION)
        self.assertEqual(caught.exception.outcome, "unknown")

    def test_a_server_that_asks_for_an_hour_is_not_waited_for(self):
        self.proxy.plan = [problem(503, "closed", {"Retry-After": "3600"})]
        with self.assertRaises(loopgrid.ServerError):
            self.grid.record(**DECISION)
        self.assertEqual(len(self.proxy.received), 1)


class Misbehaving(unittest.TestCase):
    def serve(self, answer):
        server = LocalServer(answer)
        self.addCleanup(server.close)
        return server

    def test_a_server_that_hangs_times_out(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        server = self.serve(lambda _: hold.wait(20) and None)
        grid = LoopGrid(server.url, timeout_ms=150, max_retries=0)
        with self.assertRaises(loopgrid.LoopGridTimeoutError):
            grid.health()

    def test_a_server_that_answers_drop_by_drop_times_out(self):
        def drops():
            for _ in range(1000):
                time.sleep(0.05)
                yield b" "

        server = self.serve(lambda _: (200, {"Content-Type": "application/json"}, drops()))
        grid = LoopGrid(server.url, timeout_ms=300, max_retries=0)
        begun = time.monotonic()
        with self.assertRaises(loopgrid.LoopGridTimeoutError):
            grid.health()
        self.assertLess(time.monotonic() - begun, 30)

    def test_an_answer_cut_short_is_none(self):
        cut = {"Content-Length": "100", "Connection": "close"}
        server = self.serve(lambda _: (200, cut, [b'{"decisions":[']))
        grid = LoopGrid(server.url, max_retries=0)
        for ask in (grid.health, lambda: list(grid.exports.decisions()), lambda: list(grid.exports.ledger())):
            with self.assertRaises(loopgrid.LoopGridConnectionError):
                ask()
        whole = self.serve(lambda _: (200, {}, [b'{"decisions":[{"a":1},', b'{"a":"]}"']))
        with self.assertRaises(loopgrid.LoopGridConnectionError):
            list(LoopGrid(whole.url).exports.decisions())

    def test_what_is_not_loopgrid_is_told_from_it(self):
        server = self.serve(lambda _: (200, {}, [b"<html>"]))
        with self.assertRaisesRegex(loopgrid.LoopGridConnectionError, "does not answer as LoopGrid"):
            LoopGrid(server.url).health()
        strange = self.serve(lambda _: (502, {}, [b"<html>bad gateway"]))
        with self.assertRaisesRegex(loopgrid.ServerError, "API Error 502: Bad Gateway"):
            LoopGrid(strange.url, max_retries=0).health()

    def test_a_redirect_is_not_followed_with_the_key(self):
        other = self.serve(lambda _: json_answer(200, {}))
        server = self.serve(lambda _: json_answer(307, {}, {"Location": f"{other.url}/health"}))
        with self.assertRaises(loopgrid.LoopGridAPIError):
            LoopGrid(server.url, api_key="lg_secret").health()
        self.assertEqual(other.received, [])

    def test_each_family_of_statuses_has_its_class(self):
        families = {
            400: loopgrid.BadRequestError,
            401: loopgrid.AuthenticationError,
            403: loopgrid.PermissionDeniedError,
            404: loopgrid.NotFoundError,
            405: loopgrid.LoopGridAPIError,
            409: loopgrid.ConflictError,
            413: loopgrid.TooLargeError,
            422: loopgrid.InvalidRequestError,
            429: loopgrid.RateLimitError,
            500: loopgrid.ServerError,
            503: loopgrid.ServerError,
        }
        status = 0
        server = self.serve(lambda _: problem(status, "said so", {"X-Request-Id": "req-7"}))
        grid = LoopGrid(server.url, max_retries=0)
        for status, family in families.items():
            with self.assertRaises(family) as caught:
                grid.health()
            error = caught.exception
            self.assertIs(type(error), family)
            self.assertEqual((error.status, error.detail, error.request_id), (status, "said so", "req-7"))

    def test_connections_are_kept_and_dead_ones_are_replaced(self):
        server = self.serve(lambda _: json_answer(200, {"status": "healthy"}))
        grid = LoopGrid(server.url, max_retries=0)
        for _ in range(5):
            grid.health()
        self.assertEqual(server.connections, 1)
        closing = self.serve(lambda _: json_answer(200, {}, {"Connection": "close"}))
        grid = LoopGrid(closing.url, max_retries=0)
        for _ in range(3):
            grid.health()
        self.assertEqual(closing.connections, 3)


class Options(unittest.TestCase):
    def sent_headers(self, **options):
        server = LocalServer(lambda _: json_answer(200, {}))
        self.addCleanup(server.close)
        url = options.pop("url", "http://{}").format(f"127.0.0.1:{server.port}")
        LoopGrid(url, **options).health()
        return server.received[0]

    def test_credentials_travel_as_bearer_basic_or_path(self):
        self.assertEqual(self.sent_headers(api_key="lg_k").headers["authorization"], "Bearer lg_k")
        basic = self.sent_headers(url="http://u:p%40ss@{}").headers["authorization"]
        self.assertEqual(basic, "Basic dTpwQHNz")
        path = self.sent_headers(url="http://{}/t/lg_key/")
        self.assertEqual((path.path, path.headers.get("authorization")), ("/t/lg_key/health", None))

    def test_a_key_in_the_url_is_never_shown(self):
        for url in ("http://127.0.0.1:9/t/lg_secret", "http://u:lg_secret@127.0.0.1:9"):
            grid = LoopGrid(url, max_retries=0)
            with self.assertRaises(loopgrid.LoopGridError) as caught:
                grid.health()
            self.assertNotIn("lg_secret", f"{caught.exception} {grid!r}")

    def test_the_environment_fills_what_is_not_given(self):
        named = {"LOOPGRID_URL": URL, "LOOPGRID_SERVICE": "from-env", "LOOPGRID_API_KEY": "lg_env"}
        with mock.patch.dict(os.environ, named):
            grid = LoopGrid()
            self.assertEqual((grid.base_url, grid.service_name), (URL, "from-env"))
            self.assertEqual(self.sent_headers().headers["authorization"], "Bearer lg_env")
            self.assertEqual(LoopGrid("http://x:1", "given").service_name, "given")

    def test_options_that_cannot_be_meant_are_refused(self):
        for options in (
            {"base_url": "ftp://x"},
            {"base_url": "localhost:8000"},
            {"base_url": "http://x/?a=1"},
            {"base_url": "http://x/ y"},
            {"api_key": "a\nb"},
            {"timeout_ms": 0},
            {"max_retries": -1},
        ):
            with self.assertRaises(ValueError, msg=str(options)):
                LoopGrid(**options)

    def test_what_is_no_json_never_leaves_the_process(self):
        grid = LoopGrid(URL)
        for bad in (float("nan"), object(), "\ud800", {1, 2}):
            with self.assertRaises((TypeError, ValueError)):
                grid.record("reply", {"bad": bad}, {}, {})
            with self.assertRaises((TypeError, ValueError)):
                grid.enqueue("reply", {"bad": bad}, {}, {})
        with self.assertRaises(TypeError):
            grid.record(**DECISION, unknown_member="x")


class Concurrency(unittest.TestCase):
    def test_threads_share_one_client(self):
        grid = LoopGrid(URL, unique("threads"))
        threads = [
            threading.Thread(target=lambda: [grid.record(**DECISION) for _ in range(5)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [one["writer_seq"] if "writer_seq" in one else None for one in grid.decisions.all(service_name=grid.service_name)]
        self.assertEqual(len(found), 40)

    def test_asyncio_gathers_and_cancels(self):
        async def story():
            async with AsyncLoopGrid(URL, unique("async")) as grid:
                recorded = await asyncio.gather(*(grid.record(**DECISION) for _ in range(30)))
                self.assertEqual(len({one["decision_id"] for one in recorded}), 30)
                found = [one async for one in grid.decisions.all(service_name=grid.service_name)]
                self.assertEqual(len(found), 30)
                async for _ in grid.exports.decisions():
                    break  # and lets go of its connection
                task = asyncio.ensure_future(grid.verify_integrity())
                await asyncio.sleep(0)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                with self.assertRaises(loopgrid.NotFoundError):
                    await grid.get_decision("dec_missing")

        asyncio.run(story())


if __name__ == "__main__":
    unittest.main()
