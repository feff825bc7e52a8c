"""The service: sockets, store, clocks; a message's way from one side to the other.

Law: nothing here decides about an order (`calf` does) or knows the settings (`app` does). What can be pure is:
windows, delivery, admission and answers know no reactor.

    in    listener -> peer -> reception -> intake (rule, vetworker) -> journal      answers, acknowledging
    out   forwarder (window, delivery, lines) -> destination                        lanes
    over  steering (mode, policy, mappings), control (requests), watch (health), ops (metrics, vet door)
"""
