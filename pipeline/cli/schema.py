"""`preflight schema`: the JSON Schema of a document, as a program that reads it may want it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import dataclass

from pipeline.cli.options import Options
from pipeline.documents.schema import NAMES, schema


@dataclass(frozen=True, kw_only=True)
class SchemaOptions(Options):
    """Of `preflight schema`."""

    name: str


def declare(parser: ArgumentParser) -> type[SchemaOptions]:
    """Add the arguments; they become what is returned."""
    parser.add_argument("name", metavar="NAME", help=f"of the document: {', '.join(NAMES)}")
    Options.declare(parser)
    return SchemaOptions


def run(options: SchemaOptions) -> int:
    """Print the schema, one document also without --json. Raises UsageError where there is none of that name."""
    json.dump(schema(options.name), sys.stdout, ensure_ascii=False, indent=None if options.jsonl else 1)
    sys.stdout.write("\n")
    return 0
