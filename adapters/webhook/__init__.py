"""Any tool that tells of its alerts by webhook: a mapping says how it is understood."""
