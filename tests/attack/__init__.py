"""Attacks on the promises of `docs/security.md`: a table of hostile things, and one way to try each.

`python -m tests.attack` tries everything, here and wherever another test attacks, and prints what held.
"""
