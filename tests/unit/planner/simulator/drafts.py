"""Subgraphs' types as drafts that can be changed until they are written as SDL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LINK = (
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.7", import: ["@key", "@external", '
    '"@requires", "@provides", "@shareable", "@override", "@inaccessible", "@interfaceObject", "@tag"])\n'
)
SCALARS = ("Int", "String", "Boolean", "Float", "Kind")
INPUTS = "enum Kind {\n  RED\n  BLUE\n}\ninput Filter {\n  n: Int\n  kinds: [Kind!]\n}\n"


def top_names(fields: str) -> list[str]:
    """The names of a key's own fields: `id own { key }` has `id` and `own`."""
    return re.sub(r"{[^}]*}", "", fields).split()


@dataclass
class FieldDraft:
    """A field as one subgraph declares it."""

    type: str
    arguments: str = ""
    directives: list[str] = field(default_factory=list)

    @property
    def named(self) -> str:
        return self.type.strip("[]!")

    @property
    def is_leaf(self) -> bool:
        return self.named in SCALARS

    @property
    def requires(self) -> bool:
        return any(each.startswith("@requires") for each in self.directives)

    @property
    def is_plain(self) -> bool:
        return not self.directives or self.directives == ["@shareable"]

    def share(self) -> None:
        if "@shareable" not in self.directives:
            self.directives.append("@shareable")


@dataclass
class TypeDraft:
    """A type as one subgraph declares it."""

    kind: str
    keys: list[str] = field(default_factory=list)
    hidden_keys: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    fields: dict[str, FieldDraft] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)
    interface_object: bool = False

    @property
    def key_fields(self) -> set[str]:
        return {name for key in self.keys for name in top_names(key)}

    @property
    def is_modern(self) -> bool:
        """Whether it takes Federation 2 to declare it."""
        modern = ("@override", "@inaccessible")
        return (
            self.interface_object
            or bool(self.hidden_keys)
            or (self.kind == "interface" and bool(self.keys))
            or any(each.startswith(modern) for found in self.fields.values() for each in found.directives)
        )

    def write(self, name: str) -> str:
        if self.kind == "union":
            return f"union {name} = {' | '.join(self.members)}\n"
        if not self.fields:
            return ""
        head = f"{self.kind} {name}"
        if self.interfaces:
            head += f" implements {' & '.join(self.interfaces)}"
        head += "".join(f' @key(fields: "{key}")' for key in self.keys)
        head += "".join(f' @key(fields: "{key}", resolvable: false)' for key in self.hidden_keys)
        head += " @interfaceObject" if self.interface_object else ""
        body = "".join(
            f"  {key}{each.arguments}: {' '.join([each.type, *each.directives])}\n"
            for key, each in self.fields.items()
        )
        return f"{head} {{\n{body}}}\n"

    def write_legacy(self, type_name: str, *, extends: bool) -> str:
        """As Federation 1 has it: nothing is marked shareable, and an entity of another subgraph is extended,
        its keys external.
        """
        text = self.write(type_name).replace(" @shareable", "")
        if not extends:
            return text
        for key in sorted(self.key_fields):
            line = f"  {key}: {self.fields[key].type}"
            text = text.replace(f"{line}\n", f"{line} @external\n")
        return f"extend {text}"


Draft = dict[str, TypeDraft]
