"""Run atheris until it is told to stop; its options are libFuzzer's."""

import sys

import atheris

with atheris.instrument_imports(include=["hl7calf.wire", "hl7calf.calf"]):
    from tests.fuzz.target import one_input, shipped_tables

if __name__ == "__main__":
    shipped_tables()  # reading the mappings is not what is measured
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
