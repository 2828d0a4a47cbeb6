"""How the gateway reaches others: the platform's own functions by invoking them, other services over HTTP."""
