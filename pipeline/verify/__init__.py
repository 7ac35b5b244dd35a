"""Proof of an output against its source."""
