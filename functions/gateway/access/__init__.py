"""Who may see what of the graph, by `@authenticated`, `@requiresScopes` and `@policy`.

A field that its caller may not see is not asked for. In the answer it is null, with an error at its place,
and the null goes up from where it is not allowed, as if the field had failed. Own subgraphs check once more,
for themselves; subgraphs of others need not.
"""
