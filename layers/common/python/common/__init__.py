"""What every operation stands on, and nothing of any domain."""

import gc
import os

if "_HANDLER" in os.environ:
    # A cold start makes little that is thrown away: looking for it again and again costs a fifth of the time.
    # The first invocation gives the collector back (Operation.prepare).
    gc.disable()
