"""SIGN-IN: local accounts with one-time links, and what a hub needs to know of any other authenticator."""
