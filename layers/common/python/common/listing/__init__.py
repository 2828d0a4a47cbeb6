"""How a caller narrows and orders a list: ``filter`` and ``sort``, read here and said in SQL."""
