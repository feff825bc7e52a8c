"""The pages, one module each: functions from the desk and a visit to an answer. Law: nothing here knows Twisted."""
