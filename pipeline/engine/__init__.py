"""Many assets: workers, a cluster, the journal, the cache, sources and outputs elsewhere."""
