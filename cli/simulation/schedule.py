"""One schedule: drawn from a seed, played, judged; and made small when it fails."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from structlog.testing import capture_logs

from tieline.cli.simulation.actions import ACTIONS
from tieline.cli.simulation.checker import Violation, check
from tieline.cli.simulation.fate import Weather
from tieline.cli.simulation.shape import POLL_EVERY, Shape
from tieline.cli.simulation.world import World
from tieline.core.model import ConnectionName
from tieline.core.errors import LookupError as _  # noqa: F401
