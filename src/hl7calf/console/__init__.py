"""The web console: a process of its own over the store, for the night shift and for the radiologist.

Law: it reads through a read-only connection and asks the running service for what it wants done; it never writes
into the journal by itself. Whoever is not signed in gets no page, no patient data is shown before "reveal", and
each reveal is recorded. Everything shown goes through autoescaping templates; there is no way around them.

    options.py    what a console is started with                          (values)
    visit.py      one request and its answer, without Twisted             (values)
    guard.py      Host, Origin, token, headers                            (pure)
    sessions.py   who is signed in and what they revealed                 (pure, times handed in)
    throttle.py   how often one may guess                                 (pure, times handed in)
    totp.py       one-time codes                                          (pure)
    users.py      console-users.toml
    spans.py      marked text: changes and evidence in their segments     (pure)
    drawing.py    where the lines of a picture run                        (pure)
    drift.py      is a day's change rate usual                            (pure)
    store.py      what the pages read         queries.py  own read-only SQL
    asking.py     what the pages ask the service to do
    pages/        one module per page         templates/ static/
    door.py       the one twisted.web resource    limits.py  the request that refuses early
    app.py        composes a Site                 serve.py   runs it
"""
