"""Command-line flags from a dataclass: one flag per field, its type and default from the field, its help beside it."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")


def setting(default: Any, text: str) -> Any:
    """A field of a settings class, with what `--help` says of it."""
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata={"help": text})
    return dataclasses.field(default=default, metadata={"help": text})


def parse(
    kind: type[T],
    argv: Sequence[str] | None,
    description: str,
    recipes: Mapping[str, Mapping[str, Any]],
    defaults: Mapping[str, Any] | None = None,
) -> T:
    """A settings object from a command line; ``defaults``, and then ``--recipe NAME``, stand in for flags not given.

    Ends the program, with the reason, for flags that do not exist or values that ``kind`` refuses.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter, allow_abbrev=False
    )
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(typing.cast(Any, kind)):
        default = field.default if field.default is not dataclasses.MISSING else None
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            default=default,
            required=required,
            help=field.metadata.get("help", " ").replace("%", "%%"),
            **_argument(hints[field.name]),
        )
    parser.add_argument("--recipe", choices=sorted(recipes), help="defaults of a paper; see recipes.py")
    recipe = one_flag("recipe", argv)
    parser.set_defaults(**{**(defaults or {}), **(recipes.get(recipe, {}) if recipe else {})})
    values = vars(parser.parse_args(argv))
    values.pop("recipe")
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = dict(value) if typing.get_origin(hints[name]) is dict else tuple(value)
    try:
        return kind(**values)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))


def one_flag(name: str, argv: Sequence[str] | None) -> str | None:
    """The value of a flag that decides about the defaults of others."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(f"--{name.replace('_', '-')}")
    value: str | None = getattr(parser.parse_known_args(argv)[0], name)
    return value


def _argument(hint: Any) -> dict[str, Any]:
    """What argparse needs to know of a type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        (hint,) = (argument for argument in arguments if argument is not type(None))
        return _argument(hint)
    if hint is bool:
        return {"action": argparse.BooleanOptionalAction}
    if origin is Literal:
        return {"choices": arguments}
    if origin is tuple:
        return {"type": arguments[0], "nargs": "*" if Ellipsis in arguments else len(arguments)}
    if origin is dict:
        return {"type": _pair, "nargs": "*", "metavar": "NAME=VALUE"}
    if hint in (int, float, str, Path):
        return {"type": hint}
    raise TypeError(f"no flag is known for fields of type {hint}")


def _pair(text: str) -> tuple[str, Any]:
    """``dim=64``, ``depths=(2,2)`` or ``attention=divided``: a Python literal where it is one, else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
