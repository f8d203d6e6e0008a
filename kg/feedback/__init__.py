"""What recommendations led to: kept answers, reports, experiments."""
