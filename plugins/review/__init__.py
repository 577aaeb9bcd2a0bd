"""Review: which edits in a tool wait for somebody who may agree to them."""
