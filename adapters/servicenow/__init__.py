"""ServiceNow: incidents through the Table API."""
