"""What comes in by HTTP: durable before anybody is told so."""
