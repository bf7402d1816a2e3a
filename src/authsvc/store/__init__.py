"""What the service remembers: schema, migrations, statements and the executors that run them."""
