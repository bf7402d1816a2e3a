"""Events sent to back ends: signed as WorkOS signs them, tried again for three days, each attempt on record."""
