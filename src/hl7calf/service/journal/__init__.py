"""The journal: the durable store of hl7calf. What it answers for is on disk; what is not on disk is not acknowledged.

Law: one process owns a journal (`store.Store`, a lock file), one thread writes it (`writer.Writer`, group
commit), everyone may read it (`reader.Reader`, also other processes while the service runs). A message is in
exactly one `jobs.State`, and the books add up.

    jobs.py         what can be asked           results.py     what comes back        views.py  what a reader sees
    store.py        opening, clean and unclean starts          files.py     rights and the lock
    schema.py       numbered migrations         migrations/NNNN_*.sql
    statements.py   named SQL                   journal.sql
    writer.py       one thread, one sync for all that waits    batch.py     one transaction for many jobs
    ledger.py       the running figures of a transaction       checkpoints.py  writing the WAL back beside it
    arrivals.py     recording what came in      deliveries.py  recording what went out
    entries.py      what the log says of a message             holds.py     who waits behind a parked order
    decisions.py    what a person did           desk.py        where other processes ask for it
    reader.py       reading, any process        reading_*.py   its parts
    retention.py    giving disk space back      backup.py      backup, restore, check
    salvage.py      a new journal of a damaged one             rubble.py  what its rows are
    pages.py        its pages without SQLite
"""
