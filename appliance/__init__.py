"""A private knowledge appliance: documents in, quoted answers out, nothing leaves the box."""

__version__ = "0.3.0"
