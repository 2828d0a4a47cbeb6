"""The stacks that master data is measured against: each installed apart, none needed by the project."""
