"""Who runs the lanes: threads of one process on SQLite, or equal workers that share a PostgreSQL.

Either way the work lives in the tables and a wake-up carries nothing, so that one that is lost costs a second.
"""
