"""Makes random federations: the SDL of a few subgraphs that share entities, value types, interfaces, unions,
and whatever else Apollo Federation 2 lets subgraphs share.

Not every federation made so composes (a field may be out of reach); whoever asks for one composes it first.
"""

from __future__ import annotations

from random import Random

from tests.unit.planner.simulator.drafts import (
    INPUTS,
    LINK,
    SCALARS,
    Draft,
    FieldDraft,
    TypeDraft,
    top_names,
)

KEYS = ("id", "code", "id code", "own { key }", "id own { key }", "owns { key }")
KEY_TYPES = {"id": "ID!", "code": "String!", "own": "Own!", "owns": "[Own!]!"}
ARGUMENTS = ("(n: Int)", "(n: Int = 3)", "(kind: Kind!)", "(filter: Filter)")
GIVEN = {
    "(n: Int)": "(n: 2)",
    "(n: Int = 3)": "(n: 1)",
    "(kind: Kind!)": "(kind: RED)",
    "(filter: Filter)": "(filter: {n: 1})",
}
WRAPPINGS = ("{}", "{}", "{}!", "[{}]", "[{}!]!", "[[{}!]]")


class Split:
    """One random federation, made step by step."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.graphs = "abcd"[: self.random.randint(2, 4)]
        self.drafts: dict[str, Draft] = {graph: {"Query": TypeDraft("type")} for graph in self.graphs}
        self.entities = [f"E{number}" for number in range(self.random.randint(2, 4))]
        self.values = ["V0", "V1"]
        for step in (
            self.place_entities,
            self.add_reference_keys,
            self.place_values,
            self.add_interfaces,
            self.add_unions,
            self.add_fields,
            self.add_common_fields,
            self.add_interface_object,
            self.loosen,
            self.override,
            self.require,
            self.provide,
            self.hide,
            self.add_roots,
            self.add_mutations,
        ):
            step()

    def sdls(self) -> dict[str, str]:
        """The subgraphs' SDL by their names."""
        return {graph: self.write(graph) for graph in self.graphs}

    def write(self, graph: str) -> str:
        """A subgraph's SDL; now and then in the manner of Federation 1, where it can be said in that."""
        draft = self.drafts[graph]
        if graph != "a" and self.chance(0.3) and not any(each.is_modern for each in draft.values()):
            head = INPUTS
            texts = [
                each.write_legacy(name, extends=bool(each.keys) and name in self.drafts["a"])
                for name, each in draft.items()
            ]
        else:
            head = LINK + INPUTS
            texts = [each.write(name) for name, each in draft.items()]
        return head + "".join(texts)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def homes(self, name: str) -> list[str]:
        return [graph for graph in self.graphs if name in self.drafts[graph]]

    # types

    def place_entities(self) -> None:
        for name in self.entities:
            pool = self.random.sample(KEYS, self.random.randint(1, 3))
            common = self.random.choice(pool) if self.chance(0.7) else None
            for graph in self.graphs:
                if not self.chance(0.75):
                    continue
                keys = self.random.sample(pool, self.random.randint(1, min(len(pool), 2)))
                if common is not None and common not in keys:
                    keys[0] = common
                hidden = [keys.pop()] if self.chance(0.1) else []
                entity = TypeDraft("type", keys, hidden)
                for key in keys + hidden:
                    self.add_key_fields(graph, entity, key)
                self.drafts[graph][name] = entity

    def add_key_fields(self, graph: str, entity: TypeDraft, key: str) -> None:
        for name in top_names(key):
            entity.fields[name] = FieldDraft(KEY_TYPES[name])
        if "own" in key:
            self.drafts[graph]["Own"] = TypeDraft(
                "type", fields={"key": FieldDraft("ID!", "", ["@shareable"])}
            )

    def add_reference_keys(self) -> None:
        """An entity may be known by another one that it refers to."""
        target, *others = self.entities
        for name in others:
            if not self.chance(0.2):
                continue
            for graph in self.homes(name):
                draft = self.drafts[graph]
                if target in draft and "id" in draft[target].fields:
                    draft[name].fields["ref"] = FieldDraft(f"{target}!")
                    draft[name].keys.append("ref { id }")

    def place_values(self) -> None:
        for name in self.values:
            for graph in self.graphs:
                if self.chance(0.6):
                    self.drafts[graph][name] = TypeDraft("type")

    def add_interfaces(self) -> None:
        """I0 is what entities with an id implement, I1 refines it."""
        for graph in self.graphs:
            draft = self.drafts[graph]
            able = [name for name in self.entities if name in draft and "id" in draft[name].fields]
            if not able or not self.chance(0.6):
                continue
            draft["I0"] = TypeDraft("interface", fields={"id": FieldDraft("ID!")})
            for name in self.random.sample(able, self.random.randint(1, len(able))):
                draft[name].interfaces.append("I0")
            narrow = [name for name in able if "I0" in draft[name].interfaces and self.chance(0.4)]
            if narrow:
                draft["I1"] = TypeDraft("interface", interfaces=["I0"], fields={"id": FieldDraft("ID!")})
            for name in narrow:
                draft[name].interfaces.append("I1")

    def add_unions(self) -> None:
        for graph in self.graphs:
            draft = self.drafts[graph]
            able = [name for name in self.entities + self.values if name in draft]
            if able and self.chance(0.5):
                members = self.random.sample(able, self.random.randint(1, len(able)))
                draft["U0"] = TypeDraft("union", members=members)

    # fields

    def target(self, graph: str) -> str:
        if self.chance(0.03):
            return "Query"
        composite = [
            name for name in ("I0", "I1", "U0", *self.entities, *self.values) if name in self.drafts[graph]
        ]
        if composite and self.chance(0.55):
            return self.random.choice(composite)
        return self.random.choice(SCALARS)

    def add_fields(self) -> None:
        for name in (*self.entities, *self.values):
            homes = self.homes(name)
            if not homes:
                continue
            for number in range(self.random.randint(2, 4)):
                shared = name in self.values or self.chance(0.3)
                chosen = self.random.sample(homes, self.random.randint(1, len(homes)) if shared else 1)
                self.add_field(name, f"f{number}", chosen)
            for graph in homes:
                if not self.drafts[graph][name].fields:
                    self.drafts[graph][name].fields["f9"] = FieldDraft("Int", "", ["@shareable"])

    def add_field(self, owner: str, name: str, chosen: list[str]) -> None:
        named = self.target(chosen[0])
        able = [graph for graph in chosen if named in SCALARS or named in self.drafts[graph]]
        wrapping = self.random.choice(WRAPPINGS) if self.chance(0.6) else "{}"
        arguments = self.random.choice(ARGUMENTS) if self.chance(0.15) else ""
        for graph in able:
            draft = FieldDraft(wrapping.format(named), arguments)
            if len(able) > 1 or owner in self.values:
                draft.share()
            self.drafts[graph][owner].fields[name] = draft

    def add_common_fields(self) -> None:
        """What all types of an interface have may be asked of the interface."""
        for graph, draft in self.drafts.items():
            for name in ("I0", "I1"):
                members = [each for each in draft.values() if each.kind == "type" and name in each.interfaces]
                for key in members[0].fields if members else ():
                    if name in draft and self.chance(0.6):
                        self.add_common_field(graph, name, key)
            if "I1" in draft:
                for key, found in draft["I0"].fields.items():
                    draft["I1"].fields[key] = FieldDraft(found.type, found.arguments)

    def add_common_field(self, graph: str, interface: str, key: str) -> None:
        members = {
            (name, elsewhere)
            for elsewhere, draft in self.drafts.items()
            for name, each in draft.items()
            if each.kind == "type" and interface in each.interfaces
        }
        declared = {
            (found.type, found.arguments)
            for name, _ in members
            for elsewhere in self.homes(name)
            if (found := self.drafts[elsewhere][name].fields.get(key))
        }
        here = {name for name, elsewhere in members if elsewhere == graph}
        everywhere = all(key in self.drafts[graph][name].fields for name in here) and all(
            any(key in self.drafts[each][name].fields for each in self.homes(name)) for name, _ in members
        )
        if everywhere and len(declared) == 1:
            self.drafts[graph][interface].fields[key] = FieldDraft(*declared.pop())

    def add_interface_object(self) -> None:
        """J is an entity interface in one subgraph and an interface object in others."""
        if not self.chance(0.5):
            return
        home, *others = self.random.sample(self.graphs, self.random.randint(2, len(self.graphs)))
        members = [
            name
            for name in self.entities
            if name in self.drafts[home]
            and "id" in self.drafts[home][name].keys
            and not any(name in self.drafts[graph] for graph in others)
        ]
        if not members:
            return
        interface = TypeDraft("interface", ["id"], fields={"id": FieldDraft("ID!")})
        if self.chance(0.6):
            interface.fields["j0"] = FieldDraft("String")
        self.drafts[home]["J"] = interface
        for name in members:
            self.drafts[home][name].interfaces.append("J")
            for key, found in interface.fields.items():
                self.drafts[home][name].fields.setdefault(key, FieldDraft(found.type))
        for graph in (home, *others):
            owners = [name for name in self.entities if name in self.drafts[graph]]
            if owners and self.chance(0.5):
                self.drafts[graph][self.random.choice(owners)].fields[f"j_of_{graph}"] = FieldDraft(
                    self.random.choice(("J", "[J]"))
                )
        self.drafts[home]["Query"].fields["js"] = FieldDraft(self.random.choice(("J", "[J!]!")))
        for graph in others:
            self.stand_for_interface(graph, interface)

    def stand_for_interface(self, graph: str, interface: TypeDraft) -> None:
        objects = TypeDraft("type", ["id"], fields={"id": FieldDraft("ID!")}, interface_object=True)
        objects.fields[f"j_{graph}"] = FieldDraft(self.random.choice(("Int", "String", "Boolean")))
        if self.chance(0.5):
            objects.fields[f"others_{graph}"] = FieldDraft("[J!]")
        if "j0" in interface.fields and self.chance(0.5):
            objects.fields["j0"] = FieldDraft("String", "", ["@external"])
            objects.fields[f"r_{graph}"] = FieldDraft("Int", "", ['@requires(fields: "j0")'])
        self.drafts[graph]["J"] = objects
        if self.chance(0.5):
            self.drafts[graph]["Query"].fields[f"js_{graph}"] = FieldDraft("[J!]")

    def loosen(self) -> None:
        """Shared fields may be nullable in one subgraph and not in the other."""
        for name in (*self.entities, *self.values):
            for graph in self.homes(name):
                for found in self.drafts[graph][name].fields.values():
                    if "@shareable" in found.directives and self.chance(0.2):
                        found.type = found.type.removesuffix("!")

    # directives

    def fields_of(self, owner: str) -> list[tuple[str, str, FieldDraft]]:
        """Each subgraph's plain fields of a type, other than those of keys."""
        return [
            (graph, key, found)
            for graph in self.homes(owner)
            for key, found in self.drafts[graph][owner].fields.items()
            if key not in {"id", "code", "own", "owns", "ref"} and found.is_plain
        ]

    def override(self) -> None:
        for name in self.entities:
            for graph, key, found in self.fields_of(name):
                others = [each for each in self.homes(name) if key not in self.drafts[each][name].fields]
                if "@shareable" in found.directives or not others or not self.chance(0.15):
                    continue
                to = self.random.choice(others)
                if found.is_leaf or found.named in self.drafts[to]:
                    label = ', label: "percent(50)"' if self.chance(0.3) else ""
                    moved = FieldDraft(found.type, found.arguments, [f'@override(from: "{graph}"{label})'])
                    self.drafts[to][name].fields[key] = moved

    def require(self) -> None:
        for name in self.entities:
            for graph in self.homes(name):
                able = self.requirable(name, graph)
                if not able or not self.drafts[graph][name].keys or not self.chance(0.5):
                    continue
                for number in range(self.random.randint(1, 2)):
                    chosen = self.random.sample(sorted(able), min(len(able), 2))
                    text = self.demand(graph, name, {key: able[key] for key in chosen})
                    if text is not None:
                        named = self.target(graph) if self.chance(0.4) else "Int"
                        requiring = FieldDraft(named, "", [f'@requires(fields: "{text}")'])
                        self.drafts[graph][name].fields[f"r{number}_{graph}"] = requiring

    def requirable(self, owner: str, graph: str) -> dict[str, FieldDraft]:
        """What a subgraph may require of a type: fields that others resolve."""
        here = self.drafts[graph]
        computed = [
            (elsewhere, key, found)
            for elsewhere in self.homes(owner)
            for key, found in self.drafts[elsewhere][owner].fields.items()
            if found.requires
        ]
        return {
            key: found
            for elsewhere, key, found in (*self.fields_of(owner), *computed)
            if elsewhere != graph
            and (key not in here[owner].fields or "@external" in here[owner].fields[key].directives)
            and (found.is_leaf or found.named in here)
        }

    def demand(self, graph: str, owner: str, chosen: dict[str, FieldDraft]) -> str | None:
        """A field set of these fields, declared external where they are not yet."""
        texts = []
        for key, found in chosen.items():
            below = "" if found.is_leaf else self.below(graph, found.named)
            if below is None:
                return None
            texts.append(key + GIVEN.get(found.arguments, "") + below)
            external = FieldDraft(found.type, found.arguments, ["@external"])
            self.drafts[graph][owner].fields.setdefault(key, external)
        return " ".join(texts)

    def below(self, graph: str, named: str) -> str | None:
        """The rest of a field set below a field of a type."""
        draft = self.drafts[graph][named]
        if draft.kind == "union":
            inner = self.fragments(graph, draft.members)
        else:
            plain = [
                key
                for key, found in draft.fields.items()
                if found.is_leaf and not found.arguments and not found.requires
            ]
            inner = self.random.sample(plain, min(len(plain), 2))
            if draft.kind == "interface" and self.chance(0.5):
                inner += self.fragments(graph, self.members(graph, named))
        return f" {{ {' '.join(inner)} }}" if inner else None

    def members(self, graph: str, interface: str) -> list[str]:
        return [
            name
            for name, each in self.drafts[graph].items()
            if each.kind == "type" and interface in each.interfaces
        ]

    def fragments(self, graph: str, members: list[str]) -> list[str]:
        texts = []
        for name in self.random.sample(members, min(len(members), 2)):
            below = self.below(graph, name)
            if below is not None:
                texts.append(f"... on {name}{below}")
        return texts

    def provide(self) -> None:
        for graph, draft in self.drafts.items():
            for each in list(draft.values()):
                if each.kind != "type" or each.interface_object:
                    continue
                for found in list(each.fields.values()):
                    if found.named in draft and not found.directives and self.chance(0.3):
                        text = self.provided(graph, found.named, 2)
                        if text:
                            found.directives.append(f'@provides(fields: "{text}")')

    def provided(self, graph: str, named: str, depth: int) -> str:
        """A field set to provide on a type: what other subgraphs resolve, and are made ready to share."""
        draft = self.drafts[graph][named]
        if draft.kind == "union":
            inner = [(name, self.provided(graph, name, depth)) for name in draft.members]
            return " ".join(f"... on {name} {{ {text} }}" for name, text in inner if text)
        if named not in self.entities or not depth:
            return ""
        able = [
            (key, found)
            for elsewhere, key, found in self.fields_of(named)
            if elsewhere != graph and key not in draft.fields and not found.arguments
        ]
        for key, found in self.random.sample(able, min(len(able), 2)):
            below = "" if found.is_leaf else self.provided_below(graph, found.named, depth)
            if below is None:
                continue
            for elsewhere in self.homes(named):
                there = self.drafts[elsewhere][named].fields.get(key)
                if there is not None and there.is_plain:
                    there.share()
            draft.fields[key] = FieldDraft(found.type, "", ["@external"])
            return key + below
        return ""

    def provided_below(self, graph: str, named: str, depth: int) -> str | None:
        if named not in self.entities or named not in self.drafts[graph]:
            return None
        keys = [key for key in ("id", "code") if key in self.drafts[graph][named].fields]
        inner = " ".join([*keys[:1], self.provided(graph, named, depth - 1)]).strip()
        return f" {{ {inner} }}" if inner else None

    def hide(self) -> None:
        """Some fields are for the subgraphs alone."""
        for name in self.entities:
            for _, _, found in self.fields_of(name):
                if self.chance(0.03):
                    found.directives.append("@inaccessible")

    # roots

    def add_roots(self) -> None:
        for graph in self.graphs:
            self.drafts[graph]["Query"].fields[f"ready_{graph}"] = FieldDraft("Boolean")
            for number in range(self.random.randint(1, 2)):
                named = self.target(graph)
                if named not in SCALARS:
                    arguments = self.random.choice(ARGUMENTS) if self.chance(0.2) else ""
                    wrapping = self.random.choice(WRAPPINGS[:-1])
                    draft = FieldDraft(wrapping.format(named), arguments)
                    self.drafts[graph]["Query"].fields[f"q{number}_{graph}"] = draft
        for named in self.random.sample((*self.entities, *self.values, "I0", "U0"), 2):
            homes = self.homes(named)
            if len(homes) > 1:
                for graph in homes:
                    draft = FieldDraft(named, "", ["@shareable"])
                    self.drafts[graph]["Query"].fields[f"shared{named}"] = draft

    def add_mutations(self) -> None:
        for graph in self.graphs:
            if self.chance(0.3):
                target = self.target(graph)
                fields = {f"do_{graph}": FieldDraft(target, "(n: Int)"), f"then_{graph}": FieldDraft("Int")}
                self.drafts[graph]["Mutation"] = TypeDraft("type", fields=fields)
