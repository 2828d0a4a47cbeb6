"""What `make up` ends with: where everything is, and commands that work as they are printed."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console


def summarize(console: Console, outputs: Mapping[str, Any], token: str) -> None:
    """Print the addresses and the commands. The commands are not wrapped: they are there to be copied."""
    admin = outputs["admin"]
    console.print("\n[bold green]Groundwork is up.[/]\n")
    for name, value in (
        ("API", outputs["api"]),
        ("Tenant", outputs["tenant"]),
        ("Administrator", f"{admin['email']}  {admin['password']}"),
        ("Kafka", outputs["kafka"]),
        ("PostgreSQL", outputs["database"]),
        ("All of this", ".local/outputs.json"),
    ):
        console.print(f"[bold]{name:<14}[/]", end="")
        console.print(value, soft_wrap=True, markup=False, highlight=False)
    console.print("\nTry it (the token lasts a few minutes; the second command gets a new one):\n")
    for command in commands(outputs, token):
        console.print(f"{command}\n", soft_wrap=True, markup=False, highlight=False)
    console.print("[dim]make status  make down  python -m local logs FUNCTION[/]")


def commands(outputs: Mapping[str, Any], token: str) -> list[str]:
    """Shell commands that need nothing but curl."""
    api, admin = outputs["api"], outputs["admin"]
    login = f'{{"tenant":"{outputs["tenant"]}","email":"{admin["email"]}","password":"{admin["password"]}"}}'
    return [
        f"curl -s {api}/masterdata/customers -H 'Authorization: Bearer {token}'",
        f"curl -s {api}/auth/login -H 'Content-Type: application/json' -d '{login}'",
        f"curl -s {api}/masterdata/metrics",
    ]
