"""How long what is kept of an item at least and at most, and letting go of it with a certificate."""
