"""How a caller narrows and orders a list: parsed here, without any SQL."""
