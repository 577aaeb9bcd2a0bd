"""Which tests apply to this machine."""

import platform

# The package that carries Helm has it for this kind of machine alone; what the
# templates ask of the values is tested everywhere.
collect_ignore = [] if (platform.system(), platform.machine()) == ("Linux", "x86_64") else ["test_chart.py"]
