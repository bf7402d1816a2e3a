"""What calls cost beside the ceilings of the parts and beside other ways to build the service: `make bench`."""
