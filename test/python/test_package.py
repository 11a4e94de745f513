"""The package: what it needs, what it is built to, what its types say."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import loopgrid
from support import PACKAGE, REPOSITORY

SOURCES = sorted((PACKAGE / "loopgrid").rglob("*.py"))


def runs(*command):
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def first_that(check):
    """An interpreter with what is asked for: the one that runs this, or the system's."""
    return next((one for one in (sys.executable, "/usr/bin/python3") if runs(one, "-c", check)), None)


BUILDER = first_that(
    "import sys, setuptools, wheel, pip; sys.exit(int(setuptools.__version__.split('.')[0]) < 61)"
)
MYPY = first_that("import mypy")


class Package(unittest.TestCase):
    def test_it_needs_nothing_but_the_standard_library(self):
        known = getattr(sys, "stdlib_module_names", None)
        if known is None:
            self.skipTest("Python 3.10 or later names its own modules")
        for path in SOURCES:
            for node in ast.walk(ast.parse(path.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [node.module]
                for name in names:
                    root = name.partition(".")[0]
                    # Of type checkers alone: it is never imported.
                    self.assertTrue(root in known or root == "typing_extensions", (path.name, name))
        ended = subprocess.run(
            [sys.executable, "-S", "-I", "-c", f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); import loopgrid.verify"],
            capture_output=True,
            text=True,
        )
        self.assertEqual(ended.stderr, "")

    def test_its_syntax_is_that_of_python_3_9(self):
        for path in SOURCES:
            ast.parse(path.read_text(), feature_version=(3, 9))

    def test_it_has_the_version_of_the_repository(self):
        version = json.loads((REPOSITORY / "package.json").read_text())["version"]
        project = (PACKAGE / "pyproject.toml").read_text()
        self.assertEqual(loopgrid.VERSION, version)
        self.assertEqual(re.search(r'^version = "(.*)"$', project, re.MULTILINE)[1], version)

    @unittest.skipUnless(BUILDER, "no setuptools 61 with wheel and pip")
    def test_wheel_and_sdist_build_offline_and_the_wheel_installs_and_imports(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", ".mypy_cache"))
            build = "import setuptools.build_meta as b; print(b.build_sdist('out')); print(b.build_wheel('out'))"
            made = subprocess.run([BUILDER, "-c", build], cwd=copy, capture_output=True, text=True)
            self.assertEqual(made.returncode, 0, made.stderr)
            sdist, wheel = (copy / "out" / name for name in ("loopgrid-edge-*.tar.gz", "*.whl"))
            (wheel,) = (copy / "out").glob("*.whl")
            self.assertEqual(len(list((copy / "out").glob("*.tar.gz"))), 1, sdist)
            names = set(zipfile.ZipFile(wheel).namelist())
            expected = {str(path.relative_to(PACKAGE)) for path in SOURCES}
            self.assertLessEqual(expected | {"loopgrid/py.typed"}, names)
            target = Path(folder, "installed")
            pip = [BUILDER, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", "--target", target, wheel]
            installed = subprocess.run([*map(str, pip)], capture_output=True, text=True)
            self.assertEqual(installed.returncode, 0, installed.stderr)
            code = f"import sys; sys.path.insert(0, {str(target)!r}); import loopgrid; print(loopgrid.__file__)"
            imported = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
            self.assertTrue(imported.stdout.startswith(str(target)), imported.stderr)

    @unittest.skipUnless(MYPY, "mypy is not installed")
    def test_its_types_hold_strictly(self):
        with tempfile.TemporaryDirectory() as cache:
            command = [MYPY, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir", cache]
            ended = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)


if __name__ == "__main__":
    unittest.main()
