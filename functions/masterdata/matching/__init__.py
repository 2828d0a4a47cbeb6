"""What makes two texts, and two partners, alike."""
