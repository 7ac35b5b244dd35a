"""A server of `preflight serve`, asked from a program: `pipeline.serve.client` says how. Needs httpx, of [upload]."""

from pipeline.model.repairs import Repairs
from pipeline.serve.client import Declined, Served

__all__ = ["Declined", "Repairs", "Served"]
