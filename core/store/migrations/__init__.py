"""Revisions of the schema, run by `tieline.core.store.schema`."""
