"""Files and addresses: digests, publication, inputs."""
