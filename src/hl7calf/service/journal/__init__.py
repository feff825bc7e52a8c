"""The journal: the durable store of hl7calf. What it answers for is on disk; what is not on disk is not acknowledged.

Law: one process owns a journal (`store.Store`, a lock file), one thread writes it (`writer.Writer`, group
commit), everyone may read it (`reader.Reader`, also other processes while the service runs). A message is in
exactly one `jobs.State`, and the books add up.

    jobs.py         what can be asked of the journal, and what comes back       (values)
    views.py        what a reader sees                                         (values)
    store.py        opening, locking, permissions, clean and unclean starts
    schema.py       numbered migrations         migrations/NNNN_*.sql
    statements.py   named SQL                   journal.sql
    writer.py       one thread, one transaction for all that waits, one sync
    arrivals.py     recording what came in      deliveries.py  recording what went out
    holds.py        who waits behind a parked order
    desk.py         what a person did: mode, queue, requests from other processes
    reader.py       reading, any process        search.py      reading the modification log
    retention.py    giving disk space back      backup.py      backup, restore, check
"""
