"""Request Tracker 5, as a ticket tool both ways over REST2."""
