"""What several connections of one account share: the calls that its tool allows them, and whether it answers them."""
