"""Every file of examples/python runs against the server, and says what it promises."""

import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

from provider import Provider
from support import PACKAGE, REPOSITORY, URL

EXAMPLES = REPOSITORY / "examples" / "python"


def run(name, *args, **env):
    command = [sys.executable, str(EXAMPLES / name), *args]
    named = {**os.environ, "LOOPGRID_URL": URL, "PYTHONPATH": str(PACKAGE), **env}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=named)


class Examples(unittest.TestCase):
    def test_a_first_decision_is_recorded_corrected_and_proven(self):
        ended = run("first_decision.py")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("receipt    verified", ended.stdout)
        self.assertIn("evidence   verified, 3 entries", ended.stdout)

    def test_functions_record_in_the_background_also_when_the_server_is_away(self):
        with tempfile.TemporaryDirectory() as spool:
            code = "import sys, runpy, loopgrid; loopgrid.LoopGrid.close.__defaults__ = (0.2,); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
            path = str(EXAMPLES / "in_the_background.py")
            env = {**os.environ, "LOOPGRID_URL": "http://127.0.0.1:9", "PYTHONPATH": str(PACKAGE)}
            away = subprocess.run(
                [sys.executable, "-c", code, path, spool], capture_output=True, text=True, env=env
            )
            self.assertIn("later: Records: 3 not acknowledged yet, kept in", away.stdout, away.stderr)
            ended = run("in_the_background.py", spool)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertIn("billing  I was charged twice", ended.stdout)
            self.assertIn("'recovered': 3, 'sent': 6, 'acknowledged': 6", ended.stdout)

    @unittest.skipUnless(importlib.util.find_spec("openai"), "the openai package is not installed")
    def test_a_wrapped_client_streams_and_is_recorded(self):
        provider = Provider(0)
        self.addCleanup(provider.close)
        ended = run("wrap_openai.py", OPENAI_API_KEY="sk-app", OPENAI_BASE_URL=f"{provider.url}/v1")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("Refund", ended.stdout)
        self.assertIn(": openai.chat, ", ended.stdout)

    def test_there_is_no_example_that_is_not_run(self):
        run_here = {"first_decision.py", "in_the_background.py", "wrap_openai.py"}
        self.assertEqual({path.name for path in EXAMPLES.glob("*.py")}, run_here)


if __name__ == "__main__":
    unittest.main()
