"""What tests stand on: a virtual clock, real databases, builders. Never mocks of our own code."""
