"""Listings, page by page, and the records in them that nobody understands."""
