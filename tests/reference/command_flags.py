"""The flags of the reference's commands `attribute`, `attribute-dataset` and `attribute-context`, with their aliases and kinds.

    python command_flags.py ../fixtures/commands/flags.json
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import get_args, get_type_hints

from inseq.commands.attribute.attribute import AttributeCommand
from inseq.commands.attribute_context.attribute_context import AttributeContextCommand
from inseq.commands.attribute_dataset.attribute_dataset import AttributeDatasetCommand


def kind(hint):
    """The kind of a value: the type that is not None, and of a list its elements' type."""
    options = [option for option in get_args(hint) if option is not type(None)] if not isinstance(hint, type) else [hint]
    found = options[0] if len(options) == 1 else hint
    if getattr(found, "__origin__", None) is list:
        return f"list of {get_args(found)[0].__name__}"
    if getattr(hint, "__origin__", None) is list:
        return f"list of {get_args(hint)[0].__name__}"
    return found.__name__


def flags(command):
    classes = command._dataclasses if isinstance(command._dataclasses, tuple) else (command._dataclasses,)
    for owner in classes:
        hints = get_type_hints(owner)
        for field in dataclasses.fields(owner):
            aliases = field.metadata.get("aliases", [])
            choices = field.metadata.get("choices")
            yield {
                "flag": f"--{field.name}",
                "aliases": [aliases] if isinstance(aliases, str) else list(aliases),
                "kind": kind(hints[field.name]),
                "choices": sorted(choices) if choices else [],
            }


def main():
    commands = {command._name: sorted(flags(command), key=lambda flag: flag["flag"])
                for command in (AttributeCommand, AttributeDatasetCommand, AttributeContextCommand)}
    place = Path(sys.argv[1])
    place.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(flag) for flag in found) + "\n]" for name, found in commands.items()
    )
    place.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
