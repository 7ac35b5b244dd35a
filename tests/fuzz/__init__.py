"""Damaged media and damaged documents by the thousand, always the same ones: `python -m tests.fuzz --help`."""
