"""What holds for every test.

Where CI is true, generated examples are the same in every run, so that a submission is judged by its own change and not
by the luck of a draw. Everywhere else each run draws new ones, and prints how to repeat what it finds.
"""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, print_blob=True)
settings.register_profile("explore", print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "explore")

pytest_plugins = [
    "tests.suite.groups",
    "tests.suite.heap",
    "tests.suite.logs",
    "tests.suite.order",
    "tests.suite.scratch",
    "tests.suite.skips",
    "tests.suite.traces",
]
