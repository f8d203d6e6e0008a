"""Single events and items on their way into the graph: over HTTP, from files, through Kafka."""
