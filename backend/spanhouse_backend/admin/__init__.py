"""What an administrator asks of a running server, over gRPC and REST. Needs the role admin where there are roles."""
