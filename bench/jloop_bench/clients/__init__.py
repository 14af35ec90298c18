"""Clients under test, which talk to the load generator's server. They measure themselves and print one JSON line."""
