"""The store: schema, migrations and the two engines behind one interface."""
