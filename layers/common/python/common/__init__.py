"""What every operation stands on, and nothing of any domain."""
