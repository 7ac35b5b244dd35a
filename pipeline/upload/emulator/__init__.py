"""Both platforms on this machine: an HTTP server that behaves as their documents say, and misbehaves on order.

For tests and for integrators. It keeps what it is sent in a folder, checks signatures, sizes, digests, types, states
and rates, and never leaves the loopback interface.
"""
