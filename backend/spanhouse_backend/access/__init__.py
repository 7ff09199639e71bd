"""Who may do what: tokens with roles, and TLS, in front of the doors. Only the server and the command line know it."""
