"""The ground that contracts and simulations stand on."""
