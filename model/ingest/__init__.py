"""Survey files by the thousand into sharded Parquet, and back as a stream of batches: see docs/ingest.md.

``layout`` says how a shard looks, ``sources`` how each survey is read, ``catalogue`` how labels are found without
reading a catalogue twice, ``task`` what is done with one file, ``run`` how that is done for all of them, ``manifest``
what is written down about it, and ``stream`` how a training reads it.
"""
