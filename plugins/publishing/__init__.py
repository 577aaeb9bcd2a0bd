"""What everybody is told: in words that somebody else approved, and by who may."""
