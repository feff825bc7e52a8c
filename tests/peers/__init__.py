"""The same raw-socket cases put to hl7calf and to three Python MLLP servers: `python -m tests.peers` prints the table."""
