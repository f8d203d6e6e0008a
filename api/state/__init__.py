"""What a process keeps in memory of the graph, and how it follows what changes there."""
