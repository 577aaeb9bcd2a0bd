"""Where what somebody wants is decided and carried out: acts, who may do them, and what they note."""
