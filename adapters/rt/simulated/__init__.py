"""The parts of the simulated Request Tracker."""
