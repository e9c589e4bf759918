"""Videos to shards: plan, write, resume, finalise."""
