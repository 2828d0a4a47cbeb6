"""Makes random valid operations from an API schema."""

from __future__ import annotations

from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_leaf_type,
)


class QueryMaker:
    def __init__(
        self, schema: GraphQLSchema, random: Random, depth: int = 4, conditions: bool = False
    ) -> None:
        self.schema = schema
        self.random = random
        self.depth = depth
        self.conditions = conditions

    def query(self) -> str:
        assert self.schema.query_type is not None
        variables = "($x: Boolean!, $y: Boolean!)" if self.conditions else ""
        return f"query{variables}" + self.selection(self.schema.query_type, self.depth)

    def condition(self) -> str:
        if not self.conditions or self.random.random() > 0.25:
            return ""
        return f" @{self.random.choice(['include', 'skip'])}(if: ${self.random.choice('xy')})"

    def selection(self, type_: Any, depth: int) -> str:
        chosen: dict[str, str] = {}
        if not isinstance(type_, GraphQLUnionType):
            fields = [
                field
                for field in type_.fields
                if depth > 1 or is_leaf_type(get_named_type(type_.fields[field].type))
            ]
            for name in self.random.sample(fields, min(len(fields), self.random.randint(1, 3))):
                chosen[name] = self.field(type_, name, depth)
        texts = list(chosen.values())
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            texts += self.fragments(type_, depth)
        if not texts or self.random.random() < 0.2:
            texts.insert(0, "__typename")
        return "{" + " ".join(texts) + "}"

    def field(self, type_: Any, name: str, depth: int) -> str:
        field = type_.fields[name]
        arguments = [
            f"{key}: {self.value(argument.type)}"
            for key, argument in field.args.items()
            if (isinstance(argument.type, GraphQLNonNull) and argument.default_value is not None)
            or self.random.random() < 0.5
            or isinstance(argument.type, GraphQLNonNull)
        ]
        text = f"{name}({', '.join(arguments)})" if arguments else name
        if arguments:
            text = f"{type_.name}_{name}_{self.random.randint(0, 9999)}: {text}"
        elif self.random.random() < 0.1:
            text = f"{name}_{self.random.randint(0, 9999)}: {text}"
        text += self.condition()
        named = get_named_type(field.type)
        return text + self.selection(named, depth - 1) if is_composite_type(named) else text

    def fragments(self, type_: Any, depth: int) -> list[str]:
        possible = self.schema.get_possible_types(type_)
        targets: list[Any] = list(possible)
        targets += [
            other
            for other in self.schema.type_map.values()
            if is_abstract_type(other)
            and other is not type_
            and set(self.schema.get_possible_types(other)) & set(possible)  # type: ignore[arg-type]
        ]
        if not targets:
            return []
        chosen = self.random.sample(targets, min(len(targets), self.random.randint(0, 3)))
        return [f"... on {each.name}{self.condition()} {self.aliased(each, depth)}" for each in chosen]

    def aliased(self, type_: Any, depth: int) -> str:
        """A selection under response keys of its own, so that it cannot conflict with those beside it."""
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            fields = [
                name
                for name, field in type_.fields.items()
                if depth > 1 or is_leaf_type(get_named_type(field.type))
            ]
            chosen = self.random.sample(fields, min(len(fields), self.random.randint(1, 3)))
            texts = []
            for name in chosen:
                text = self.field(type_, name, depth)
                head = text.split("{")[0].split("(")[0]
                texts.append(text if ":" in head else f"{type_.name}_{name}: {text}")
            return "{" + " ".join(texts or ["__typename"]) + "}"
        return "{__typename}"

    def value(self, type_: Any) -> str:
        named = get_named_type(type_)
        if isinstance(named, GraphQLEnumType):
            return self.random.choice(sorted(named.values))
        return {"Int": str(self.random.randint(0, 3)), "Boolean": "true", "Float": "1.5"}.get(
            named.name, f'"{self.random.choice("abc")}"'
        )
