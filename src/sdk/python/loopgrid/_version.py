"""The version, as pyproject.toml and the repository's package.json have it; a test compares them."""

VERSION = "0.2.0"
