"""Makes random valid operations from an API schema."""

from __future__ import annotations

from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
)

MAX_FRAGMENTS = 2  # one within the other


class QueryMaker:
    """Makes one operation. Response keys tell fields, their parents and arguments apart, so that whatever is
    written twice can be merged. `conditions` adds `@skip` and `@include` on two variables, `typed` the type's
    name wherever it is not known.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        random: Random,
        depth: int = 4,
        *,
        conditions: bool = False,
        typed: bool = False,
    ) -> None:
        self.schema = schema
        self.random = random
        self.depth = depth
        self.conditions = conditions
        self.typed = typed
        self.fragments: list[str] = []
        self.declared: dict[str, str] = {}
        self.variables: dict[str, Any] = {}

    def operation(self, kind: str = "query") -> tuple[str, dict[str, Any]]:
        """An operation with its fragments, and the values of its variables."""
        root = self.schema.query_type if kind == "query" else self.schema.mutation_type
        assert root is not None
        body = self.selection(root, self.depth)
        declared = ", ".join(f"${name}: {type_}" for name, type_ in self.declared.items())
        head = f"{kind} Made({declared})" if declared else kind
        return "\n".join([head + body, *self.fragments]), self.variables

    def condition(self) -> str:
        if not self.conditions or self.random.random() > 0.25:
            return ""
        if self.random.random() < 0.2:
            return self.random.choice((" @include(if: true)", " @skip(if: false)", " @skip(if: true)"))
        name = self.random.choice("xy")
        self.declared[name] = "Boolean!"
        self.variables[name] = name == "x"
        return f" @{self.random.choice(['include', 'skip'])}(if: ${name})"

    def selection(self, type_: Any, depth: int, within: int = 0) -> str:
        texts: list[str] = []
        if not isinstance(type_, GraphQLUnionType):
            fields = [
                field
                for field in type_.fields
                if depth > 1 or is_leaf_type(get_named_type(type_.fields[field].type))
            ]
            for name in self.random.sample(fields, min(len(fields), self.random.randint(1, 3))):
                texts.append(self.field(type_, name, depth, within))
                if self.random.random() < 0.1:  # once more, to be merged
                    texts.append(self.field(type_, name, depth, within))
        if within < MAX_FRAGMENTS and (is_abstract_type(type_) or self.random.random() < 0.15):
            texts += self.spreads(type_, depth, within)
        if self.typed and is_abstract_type(type_):
            texts.insert(0, "__typename")
        elif not texts or self.random.random() < 0.2:
            texts.insert(0, self.random.choice(("__typename", "__typename", "kind: __typename")))
        return "{" + " ".join(texts) + "}"

    def field(self, type_: Any, name: str, depth: int, within: int) -> str:
        field = type_.fields[name]
        arguments = [
            f"{key}: {self.argument(argument.type)}"
            for key, argument in field.args.items()
            if isinstance(argument.type, GraphQLNonNull) or self.random.random() < 0.5
        ]
        text = f"{name}({', '.join(arguments)})" if arguments else name
        if arguments or self.random.random() < 0.1:
            text = f"{name}_{self.random.randint(0, 9999)}: {text}"
        elif within or (isinstance(type_, GraphQLObjectType) and self.random.random() < 0.5):
            text = f"{type_.name}_{name}: {text}"
        text += self.condition()
        named = get_named_type(field.type)
        return text + self.selection(named, depth - 1) if is_composite_type(named) else text

    def spreads(self, type_: Any, depth: int, within: int) -> list[str]:
        """Fragments on a type and on those that meet it, inline or by name."""
        possible = self.possible(type_)
        targets = [
            other
            for other in self.schema.type_map.values()
            if is_composite_type(other)
            and not other.name.startswith("__")
            and self.possible(other) & possible
        ]
        texts = []
        for each in self.random.sample(targets, min(len(targets), self.random.randint(0, 2))):
            body = self.selection(each, depth, within + 1)
            if self.random.random() < 0.25:
                name = f"F{len(self.fragments)}"
                self.fragments.append(f"fragment {name} on {each.name} {body}")
                texts.append(f"...{name}{self.condition()}")
            else:
                texts.append(f"... on {each.name}{self.condition()} {body}")
        return texts

    def possible(self, type_: Any) -> set[str]:
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            return {each.name for each in self.schema.get_possible_types(type_)}
        return {type_.name}

    def argument(self, type_: Any) -> str:
        """A value of an argument: written out, or by a variable."""
        if self.random.random() < 0.5:
            return self.variable(type_)
        return self.literal(self.value(type_), type_)

    def variable(self, type_: Any) -> str:
        """A new variable: given, given as null, left to its default, or left out."""
        name = f"v{len(self.declared)}"
        self.declared[name] = str(type_)
        chance = self.random.random()
        if chance < 0.2:
            self.declared[name] += f" = {self.literal(self.value(type_), type_, constant=True)}"
        elif isinstance(type_, GraphQLNonNull) or chance < 0.8:
            self.variables[name] = self.value(type_)
        elif chance < 0.9:
            self.variables[name] = None
        return f"${name}"

    def value(self, type_: Any) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self.value(type_.of_type)
        if isinstance(type_, GraphQLList):
            return [self.value(type_.of_type) for _ in range(self.random.randint(0, 2))]
        if isinstance(type_, GraphQLEnumType):
            return self.random.choice(sorted(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return {
                key: self.value(each.type)
                for key, each in type_.fields.items()
                if isinstance(each.type, GraphQLNonNull) or self.random.random() < 0.5
            }
        return {"Int": self.random.randint(0, 3), "Boolean": True, "Float": 1.5}.get(
            type_.name, self.random.choice("abc")
        )

    def literal(self, value: Any, type_: Any, *, constant: bool = False) -> str:
        if isinstance(value, dict):
            fields = get_named_type(type_).fields
            inner = (
                f"{key}: {self.variable(fields[key].type)}"
                if not constant and self.random.random() < 0.2
                else f"{key}: {self.literal(each, fields[key].type, constant=constant)}"
                for key, each in value.items()
            )
            return "{" + ", ".join(inner) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self.literal(each, type_) for each in value) + "]"
        if isinstance(get_named_type(type_), GraphQLEnumType):
            return str(value)
        if isinstance(value, bool):
            return str(value).lower()
        return f'"{value}"' if isinstance(value, str) else str(value)
