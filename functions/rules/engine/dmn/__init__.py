"""Decision Model and Notation: reading, running and writing decision models of conformance level 2.

Decision tables with every hit policy, literal expressions in S-FEEL, item definitions and decision
requirements graphs. What belongs to level 3 (boxed contexts, invocations, functions, iteration) is refused by
name. Source: OMG DMN 1.3 (formal/21-02-01); documents of DMN 1.1 to 1.5 are read.
"""
