def pytest_configure(config):
    # kafka-python 3.0 on Python 3.11
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")
