"""One operation on the graph: its document found, planned, narrowed to its caller, executed, told."""
