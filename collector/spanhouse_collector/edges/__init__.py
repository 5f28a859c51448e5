"""The rollups of the service map: edges by minute, hour and day from the halves of calls."""
