"""Records in the background: nothing lost silently. The server that dies is in load.py."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from loopgrid import AsyncLoopGrid, LoopGrid, UndeliveredError
from support import DECISION, PACKAGE, URL, LocalServer, LossyProxy, problem, run_python, unique, wait_for

NOBODY = "http://127.0.0.1:9"


def decision(n):
    return {**DECISION, "input": {"n": n}}


def recorded(service):
    return list(LoopGrid(URL).decisions.all(service_name=service))


def numbers(service):
    return sorted(one["input"]["n"] for one in recorded(service))


def settled(counters):
    return counters["acknowledged"] + counters["dropped"] + counters["pending"]


class InMemory(unittest.TestCase):
    def test_everything_enqueued_is_acknowledged_in_order_and_in_batches(self):
        proxy = LossyProxy()
        self.addCleanup(proxy.close)
        grid = LoopGrid(proxy.url, unique("queue"))
        for n in range(450):
            self.assertTrue(grid.enqueue(**decision(n)))
        grid.flush()
        found = [one["input"]["n"] for one in recorded(grid.service_name)]
        self.assertEqual(found[::-1], list(range(450)))
        self.assertLess(len(proxy.received), 20)
        sent = [json.loads(one.body)["decisions"] for one in proxy.received]
        stamps = [(one["writer_id"], one["writer_seq"]) for batch in sent for one in batch]
        self.assertEqual(stamps, [(grid.writer_id, n) for n in range(1, 451)])
        counters = grid.counters
        self.assertEqual((counters["sent"], counters["acknowledged"], counters["pending"]), (450, 450, 0))

    def test_lost_answers_and_busy_servers_are_retried_and_count_once(self):
        proxy = LossyProxy()
        self.addCleanup(proxy.close)
        proxy.plan = ["lose", problem(503, "no"), problem(401, "later"), (200, {}, [b"<html>"])]
        grid = LoopGrid(proxy.url, unique("queue"))
        for n in range(150):
            grid.enqueue(**decision(n))
        grid.flush()
        self.assertEqual(numbers(grid.service_name), list(range(150)))
        self.assertEqual(grid.counters["sent"], 150)

    def test_a_refused_record_takes_no_other_with_it(self):
        grid = LoopGrid(URL, unique("queue"))
        errors = []
        grid._queue._options.__dict__["on_error"] = errors.append
        for n in range(100):
            if n in (17, 60):
                grid.enqueue("reply", {"n": n}, {"provider": 7}, {})
            elif n == 80:
                grid.enqueue("reply", {"n": n, "long": "x" * 1_100_000}, {}, {})
            else:
                grid.enqueue(**decision(n))
        with self.assertRaises(UndeliveredError) as caught:
            grid.flush()
        self.assertEqual(caught.exception.counters["dropped"], 3)
        self.assertEqual(numbers(grid.service_name), [n for n in range(100) if n not in (17, 60, 80)])
        self.assertEqual(grid.counters["acknowledged"], 97)
        self.assertTrue(any("model.provider" in str(error) for error in errors))
        self.assertFalse(any("xxx" in str(error) for error in errors))
        grid.flush()  # told once

    def test_a_full_queue_drops_and_says_so(self):
        grid = LoopGrid(NOBODY, queue_records_max=50, exit_timeout_ms=0)
        taken = [grid.enqueue(**decision(n)) for n in range(80)]
        self.assertEqual((taken.count(True), taken.count(False)), (50, 30))
        with self.assertRaises(UndeliveredError) as caught:
            grid.close(timeout_s=0.1)
        counters = caught.exception.counters
        self.assertEqual((counters["enqueued"], counters["dropped"], counters["pending"]), (80, 80, 0))
        self.assertFalse(grid.enqueue(**decision(0)))
        self.assertEqual(grid.counters["dropped"], 81)

    def test_a_full_queue_is_full_in_bytes_too(self):
        grid = LoopGrid(NOBODY, queue_bytes_max=10_000, exit_timeout_ms=0)
        taken = [grid.enqueue("reply", {"long": "x" * 3000}, {}, {}) for _ in range(5)]
        self.assertEqual(taken, [True, True, True, False, False])
        self.assertRaises(UndeliveredError, grid.close, 0)

    def test_flush_waits_no_longer_than_it_is_told_to(self):
        grid = LoopGrid(NOBODY, exit_timeout_ms=0)
        grid.enqueue(**DECISION)
        begun = time.monotonic()
        with self.assertRaisesRegex(UndeliveredError, "1 not acknowledged yet"):
            grid.flush(timeout_s=0.2)
        self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual(grid.counters["pending"], 1)
        self.assertRaises(UndeliveredError, grid.close, 0)

    def test_flush_is_for_what_was_enqueued_before_it(self):
        grid = LoopGrid(URL, unique("queue"))
        stop = threading.Event()

        def load():
            n = 0
            while not stop.is_set():
                grid.enqueue(**decision(n))
                n += 1
                time.sleep(0.001)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for _ in range(5):
                grid.flush(timeout_s=20)
        finally:
            stop.set()
            thread.join()
        grid.close()
        counters = grid.counters
        self.assertEqual(counters["acknowledged"], counters["enqueued"])

    def test_the_end_of_the_process_waits_a_moment_and_tells_what_is_lost(self):
        service = unique("exit")
        code = "import sys; from loopgrid import LoopGrid\ng = LoopGrid(sys.argv[1], sys.argv[2], exit_timeout_ms=int(sys.argv[3]))\nfor n in range(20): g.enqueue('r', {'n': n}, {}, {})"
        ended = run_python(code, URL, service, "20000")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertEqual(numbers(service), list(range(20)))
        lost = run_python(code, NOBODY, service, "100")
        self.assertEqual(lost.returncode, 0)
        self.assertIn("20 dropped", lost.stderr)

    def test_asyncio_enqueues_without_waiting(self):
        import asyncio

        async def story():
            async with AsyncLoopGrid(URL, unique("queue")) as grid:
                for n in range(120):
                    grid.enqueue(**decision(n))
                await grid.flush()
                return grid.service_name, grid.counters

        service, counters = asyncio.run(story())
        self.assertEqual(counters["acknowledged"], 120)
        self.assertEqual(numbers(service), list(range(120)))


@unittest.skipUnless(hasattr(os, "fork"), "no fork on this system")
class Forked(unittest.TestCase):
    def test_parent_and_child_send_what_each_enqueued_under_ids_of_their_own(self):
        service = unique("fork")
        code = """
import os, sys, tempfile
from loopgrid import LoopGrid
for spool in (None, tempfile.mkdtemp()):
    g = LoopGrid(sys.argv[1], sys.argv[2], spool_dir=spool)
    g.health()
    for n in range(30): g.enqueue('r', {'n': n, 'who': 'parent'}, {}, {})
    before = g.writer_id
    pid = os.fork()
    if pid == 0:
        assert g.writer_id != before and g.counters['enqueued'] == 0
        for n in range(30): g.enqueue('r', {'n': n, 'who': 'child'}, {}, {})
        g.close()
        os._exit(0 if g.counters['acknowledged'] == 30 else 1)
    for n in range(30, 60): g.enqueue('r', {'n': n, 'who': 'parent'}, {}, {})
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
    g.close()
    assert g.counters['acknowledged'] == 60, g.counters
    assert spool is None or os.listdir(spool) == [], os.listdir(spool)
"""
        ended = run_python(code, URL, service)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        for who, count in (("parent", 60), ("child", 30)):
            found = sorted(one["input"]["n"] for one in recorded(service) if one["input"]["who"] == who)
            self.assertEqual(found, sorted(2 * list(range(count))))


class Spooled(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.spool = Path(folder.name) / "spool"
        self.service = unique("spool")

    def client(self, url=URL, **options):
        return LoopGrid(url, self.service, spool_dir=str(self.spool), exit_timeout_ms=0, **options)

    def files(self):
        return sorted(str(path.relative_to(self.spool)) for path in self.spool.rglob("*") if path.is_file())

    def test_what_is_not_acknowledged_stays_on_disk_and_the_next_client_sends_it(self):
        grid = self.client(NOBODY)
        for n in range(250):
            grid.enqueue(**decision(n))
        with self.assertRaisesRegex(UndeliveredError, "250 not acknowledged yet, kept in"):
            grid.close(timeout_s=0.1)
        self.assertEqual(grid.counters["spooled"], 250)
        self.assertEqual(grid.counters["dropped"], 0)
        self.assertGreaterEqual(len(self.files()), 3)
        after = self.client()
        after.flush()
        counters = after.counters
        self.assertEqual((counters["enqueued"], counters["recovered"], counters["acknowledged"]), (0, 250, 250))
        self.assertEqual(numbers(self.service), list(range(250)))
        after.close()
        self.assertEqual(list(self.spool.iterdir()), [])

    def test_acknowledged_files_go_and_others_cannot_be_read_by_others(self):
        grid = self.client(NOBODY)
        grid.enqueue(**decision(1))
        for path in [self.spool, *self.spool.rglob("*")]:
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertRaises(UndeliveredError, grid.close, 0)

    def test_a_killed_process_loses_nothing_and_nothing_is_sent_twice(self):
        proxy = LossyProxy()
        self.addCleanup(proxy.close)
        # Of the first batches the answers are lost: they are written, and nobody knows.
        proxy.plan = ["lose"] * 3
        code = """
import sys, time
from loopgrid import LoopGrid
g = LoopGrid(sys.argv[1], sys.argv[2], spool_dir=sys.argv[3])
n = 0
while True:
    g.enqueue('r', {'n': n}, {}, {})
    n += 1
    print(n, flush=True)
    if n % 100 == 0: time.sleep(0.01)
"""
        args = [sys.executable, "-c", code, proxy.url, self.service, str(self.spool)]
        env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        child = subprocess.Popen(args, stdout=subprocess.PIPE, text=True, env=env)
        told = 0
        for line in child.stdout:
            told = int(line)
            if told >= 700 and len(proxy.received) >= 3:
                child.send_signal(signal.SIGKILL)
                break
        rest = child.stdout.read().split("\n")[:-1]
        told = int(rest[-1]) if rest else told
        child.wait()
        child.stdout.close()
        self.assertGreater(len(self.files()), 0)
        after = self.client()
        after.flush()
        found = numbers(self.service)
        # The very last one may be on disk although nobody was told so.
        self.assertIn(found, (list(range(told)), list(range(told + 1))))
        after.close()

    def test_a_living_process_keeps_its_files_and_a_dead_ones_go_to_one_taker(self):
        first = self.client(NOBODY)
        first.enqueue(**decision(1))
        second = self.client()
        second.flush()
        self.assertEqual(second.counters["recovered"], 0)
        self.assertRaises(UndeliveredError, first.close, 0)
        takers = [self.client() for _ in range(3)]
        for taker in takers:
            taker.flush()
        self.assertEqual(sum(taker.counters["recovered"] for taker in takers), 1)
        self.assertEqual(numbers(self.service), [1])

    def test_a_refused_record_is_kept_for_a_person(self):
        grid = self.client()
        for n in range(10):
            grid.enqueue("reply", {"n": n}, {"provider": 7 if n == 4 else "openai"}, {})
        with self.assertRaises(UndeliveredError):
            grid.flush()
        self.assertEqual(numbers(self.service), [n for n in range(10) if n != 4])
        (kept,) = (self.spool / "refused").iterdir()
        head, line = kept.read_text().strip().split("\n")
        self.assertEqual(json.loads(head)["format"], "loopgrid-spool/1")
        self.assertEqual(json.loads(line)["input"], {"n": 4})

    def test_torn_and_foreign_files_do_no_harm(self):
        grid = self.client(NOBODY)
        for n in range(3):
            grid.enqueue(**decision(n))
        self.assertRaises(UndeliveredError, grid.close, 0)
        (batch,) = self.spool.rglob("*.batch")
        whole = batch.read_bytes()
        batch.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 20])  # the third record is torn
        (self.spool / "notes.txt").write_text("mine")
        strange = self.spool / "py-strange"
        strange.mkdir()
        (strange / "000000000001.batch").write_bytes(b"not ours\n{}\n")
        after = self.client()
        after.flush()
        self.assertEqual(numbers(self.service), [0, 1])
        self.assertEqual((self.spool / "notes.txt").read_text(), "mine")
        self.assertTrue((self.spool / "refused" / "py-strange-000000000001.batch").exists())

    def test_a_disk_that_takes_nothing_is_told_of_and_memory_serves(self):
        self.spool.parent.mkdir(exist_ok=True)
        self.spool.write_text("a file stands where the folder should")
        errors = []
        grid = self.client(on_error=errors.append)
        for n in range(120):
            grid.enqueue(**decision(n))
        grid.flush()
        self.assertEqual(numbers(self.service), list(range(120)))
        self.assertEqual(grid.counters["spooled"], 0)
        self.assertIn("spool", str(errors[0]))
        grid.close()

    def test_a_file_that_is_taken_away_is_counted_as_dropped_and_holds_up_no_other(self):
        proxy = LossyProxy()
        self.addCleanup(proxy.close)
        proxy.plan = ["break"] * 1000
        grid = self.client(proxy.url)
        grid.enqueue(**decision(1))
        self.assertRaises(UndeliveredError, grid.flush, 0.1)
        (batch,) = self.spool.rglob("*.batch")
        batch.unlink()
        grid.enqueue(**decision(2))
        proxy.plan = []
        with self.assertRaisesRegex(UndeliveredError, "1 dropped"):
            grid.flush()
        self.assertEqual(numbers(self.service), [2])
        counters = grid.counters
        self.assertEqual((counters["acknowledged"], counters["dropped"], counters["pending"]), (1, 1, 0))
        grid.close()

    def test_a_file_that_cannot_be_written_whole_is_not_left_behind(self):
        code = """
import os, resource, sys
from loopgrid._spool import Spool
spool = Spool(sys.argv[1], 'writer')
spool.write('key-0', [b'{}']).remove()
before = len(os.listdir('/dev/fd'))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    spool.write('key-1', [b'x' * 1000] * 10)
except OSError:
    print(len(os.listdir('/dev/fd')) - before, os.listdir(os.path.join(sys.argv[1], 'writer')))
"""
        ended = run_python(code, str(self.spool))
        self.assertEqual((ended.stdout.strip(), ended.stderr), ("0 ['lock']", ""))

    def test_a_batch_divided_again_after_a_crash_counts_once(self):
        grid = self.client(NOBODY)
        for n in range(10):
            grid.enqueue("reply", {"n": n}, {"provider": 7 if n == 4 else "openai"}, {})
        self.assertRaises(UndeliveredError, grid.close, 0)
        (batch,) = self.spool.rglob("*.batch")
        kept = batch.read_bytes()
        name, folder = batch.name, batch.parent
        first = self.client()
        self.assertRaises(UndeliveredError, first.flush)
        first.close()
        # As if it had died before the undivided file was gone.
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(kept)
        second = self.client()
        self.assertRaises(UndeliveredError, second.flush)
        self.assertEqual(numbers(self.service), [n for n in range(10) if n != 4])


class Told(unittest.TestCase):
    def test_whoever_is_told_of_errors_cannot_break_the_sending(self):
        def broken(error):
            raise RuntimeError("mine")

        proxy = LossyProxy()
        self.addCleanup(proxy.close)
        proxy.plan = ["break"]
        grid = LoopGrid(proxy.url, unique("told"), on_error=broken)
        with self.assertLogs("loopgrid", "WARNING"):
            grid.enqueue(**DECISION)
            grid.flush()
        self.assertEqual(grid.counters["acknowledged"], 1)

    def test_the_counters_always_add_up(self):
        server = LocalServer(lambda _: problem(503, "no"))
        self.addCleanup(server.close)
        grid = LoopGrid(server.url, queue_records_max=200, exit_timeout_ms=0)
        for n in range(400):
            grid.enqueue(**decision(n))
            counters = grid.counters
            self.assertEqual(counters["enqueued"] + counters["recovered"], settled(counters))
        wait_for(lambda: grid.counters["sent"] >= 100)
        self.assertRaises(UndeliveredError, grid.close, 0)
        self.assertEqual(grid.counters["dropped"], 400)


if __name__ == "__main__":
    unittest.main()
