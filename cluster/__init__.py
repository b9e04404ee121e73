"""What every role shares: settings, zoo, tables, store, errors. Imports neither ray nor torch."""
