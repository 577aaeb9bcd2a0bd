"""`tieline adapter prove`: the part of the contract that a real tool can be asked, against somebody's own sandbox."""
