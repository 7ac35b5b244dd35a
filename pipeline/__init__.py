"""media preflight: check, repair, prove and hand over media for digital-human platforms."""

__version__ = "0.1.0"
