"""The parts the families are built of; each once."""
