"""The rules engine: rule sets in, decisions out; no AWS, no SQL, no clock of its own.

A :class:`~rules.engine.model.RuleSet` is checked (:mod:`~rules.engine.check`), compiled once into a
:class:`~rules.engine.compile.Matcher` and evaluated against facts. The same rule set can be explained,
analysed, simulated and chained. Decision tables come in and go out as DMN (:mod:`~rules.engine.dmn`).
"""
