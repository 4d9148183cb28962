"""The base of all messages: conversion between a frozen dataclass and an OSC message.

A field's Python type gives its OSC type: int i, float f, str s. The last field may be a tuple of rows (named tuples) or
of numbers: its values are appended one after another.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self, get_args, get_origin, get_type_hints

from bridge.osc import wire
from bridge.osc.wire import Value
from core.base.errors import Code, LoopError

_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


class Column(NamedTuple):
    """One value of a message: its name and its OSC type tag."""

    name: str
    tag: str

    def __str__(self) -> str:
        return f"{self.tag}:{self.name}"


class ValueOrder(NamedTuple):
    """The order of a message's values: single values, then repeated rows of `row`, which `make` builds."""

    single: tuple[Column, ...]
    repeated: str = ""
    row: tuple[Column, ...] = ()
    make: Callable[..., Any] = tuple


@dataclass(frozen=True)
class Message:
    """A message has an address, and fields that are sent in their order."""

    address: ClassVar[str]

    def to_osc(self) -> tuple[str, tuple[Value, ...]]:
        """The message as (address, arguments)."""
        layout = value_order_of(type(self))
        values = [getattr(self, column.name) for column in layout.single]
        for row in getattr(self, layout.repeated) if layout.repeated else ():
            values.extend(row if isinstance(row, tuple) else (row,))
        return self.address, tuple(values)

    @classmethod
    def from_osc(cls, arguments: tuple[Value, ...]) -> Self:
        """The message with these arguments.

        Raises:
            LoopError: ARGUMENTS, with the argument, the rule and the value.
        """
        layout = value_order_of(cls)
        count, width = len(layout.single), len(layout.row)
        rows = (len(arguments) - count) // width if width else 0
        _check_types((*layout.single, *layout.row * rows), arguments)
        values: list[Any] = list(arguments[:count])
        if width:
            cells = arguments[count:]
            values.append(tuple(layout.make(*cells[at : at + width]) for at in range(0, len(cells), width)))
        return cls(*values)

    @classmethod
    def types(cls) -> str:
        """OSC type tags of the values; the tags of rows are in brackets."""
        layout = value_order_of(cls)
        row = "".join(column.tag for column in layout.row)
        return "".join(column.tag for column in layout.single) + (f"({row})*" if row else "")

    @classmethod
    def summary(cls) -> str:
        """The purpose of the message: the first line of its docstring."""
        return (cls.__doc__ or "").splitlines()[0]


@dataclass(frozen=True)
class Request(Message):
    """A client's request. `rid` is its id, and may be used again only to resend the same bytes."""

    token: str
    rid: str

    def __post_init__(self) -> None:
        require_name("rid", self.rid)

    @classmethod
    def help(cls) -> str:
        """One line for `describe`: the names of the arguments after token and rid, and the purpose of the request."""
        return f"({', '.join(column.name for column in value_order_of(cls).single[2:])}) {cls.summary()}"


@dataclass(frozen=True)
class Reply(Message):
    """The answer to a successful request. `answers` is the request's address, and is sent after the rid."""

    address = "/loopcube/reply"
    answers: ClassVar[str]
    rid: str

    def to_osc(self) -> tuple[str, tuple[Value, ...]]:
        """The reply as (address, arguments)."""
        address, (rid, *values) = super().to_osc()
        return address, (rid, self.answers, *values)

    @classmethod
    def from_osc(cls, arguments: tuple[Value, ...]) -> Self:
        """The reply with these arguments. Raises as `Message.from_osc`."""
        return super().from_osc((*arguments[:1], *arguments[2:]))


@dataclass(frozen=True)
class Error(Message):
    """The answer to a request that failed. The codes are those of `core.base.errors.Code`.

    >>> Error("r1", "/loopcube/job/status", -10, "no such job").to_osc()
    ('/loopcube/error', ('r1', '/loopcube/job/status', -10, 'no such job'))
    """

    address = "/loopcube/error"
    rid: str
    request: str
    code: int
    text: str


@dataclass(frozen=True)
class Event(Message):
    """A message that the daemon sends to subscribers without a request. All of its content can be requested as well."""


def value_order_of(kind: type[Message]) -> ValueOrder:
    """The layout of a message's values, from its fields."""
    if kind not in _value_orders:
        _value_orders[kind] = _read_value_order(kind)
    return _value_orders[kind]


def is_name(value: Value) -> bool:
    """Whether a value is valid as the name of a request or a document."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def require_name(argument: str, value: str) -> None:
    """Raise ARGUMENTS unless the value is valid as the name of a request or a document."""
    require(is_name(value), argument, "1 to 40 of A-Z a-z 0-9 . _ -", value)


def require(holds: bool, argument: str, rule: str, value: Value) -> None:
    """Raise ARGUMENTS, with the argument, the rule and the value, unless the rule holds."""
    if not holds:
        raise LoopError(Code.ARGUMENTS, f"{argument} must be {rule}, got {str(value)[:40]!r}")


_value_orders: dict[type[Message], ValueOrder] = {}


def _read_value_order(kind: type[Message]) -> ValueOrder:
    hints = get_type_hints(kind)
    single: list[Column] = []
    for field in fields(kind):
        hint = hints[field.name]
        if get_origin(hint) is tuple:
            row = get_args(hint)[0]
            return ValueOrder(tuple(single), field.name, _columns(row, field.name), row)
        single.append(Column(field.name, wire.TAG_OF[hint]))
    return ValueOrder(tuple(single))


def _columns(row: type, name: str) -> tuple[Column, ...]:
    if row in wire.TAG_OF:
        return (Column(name, wire.TAG_OF[row]),)
    return tuple(Column(cell, wire.TAG_OF[hint]) for cell, hint in get_type_hints(row).items())


def _check_types(columns: tuple[Column, ...], arguments: tuple[Value, ...]) -> None:
    if len(arguments) != len(columns):
        names = ", ".join(column.name for column in columns[:12])
        raise LoopError(Code.ARGUMENTS, f"takes {len(columns)} arguments ({names}), got {len(arguments)}")
    for column, got, value in zip(columns, wire.tags(arguments), arguments, strict=True):
        if column.tag != got:
            shown = str(value)[:40]
            raise LoopError(Code.ARGUMENTS, f"{column.name} must be of type {column.tag}, got {got} ({shown!r})")
