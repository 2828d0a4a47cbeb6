"""The code lists and identifiers that business data is made of, as their standards say."""
