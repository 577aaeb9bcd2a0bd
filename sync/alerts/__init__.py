"""Alerts and the incidents that they open, raise and end; what every ticket says of them."""
