"""The `onramp` command: one module per group of commands, no logic of their own."""
