"""Decision Model and Notation: reading, running and writing decision models.

Decision tables with every hit policy, FEEL, item definitions, decision requirements graphs, business
knowledge models and the boxed expressions of DMN 1.3. Imports, decision services, functions of other
languages and the boxed iterations of DMN 1.4 are refused by name. Source: OMG DMN 1.3 (formal/21-02-01);
documents of DMN 1.1 to 1.5 are read.
"""
