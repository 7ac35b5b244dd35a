"""`preflight schema`: the JSON Schema of a document, as a program that reads it may want it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from pipeline.cli.arguments import Parser
from pipeline.cli.options import Options
from pipeline.documents.schema import NAMES, schema
from pipeline.model.facts import Text


@dataclass(frozen=True, kw_only=True)
class SchemaOptions(Options):
    """Of `preflight schema`."""

    name: str


def declare(parser: Parser) -> type[SchemaOptions]:
    """Add the arguments; they become what is returned."""
    known = ", ".join(NAMES)
    parser.add_argument("name", metavar="NAME", help=Text(f"of the document: {known}", f"文档名：{known}"))
    Options.declare(parser)
    return SchemaOptions


def run(options: SchemaOptions) -> int:
    """Print the schema, one document also without --json. Raises UsageError where there is none of that name."""
    json.dump(schema(options.name), sys.stdout, ensure_ascii=False, indent=None if options.jsonl else 1)
    sys.stdout.write("\n")
    return 0
