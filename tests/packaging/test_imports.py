"""What imports what. Import-linter proves the layers; here, that no modules import each other in a ring."""

import grimp
import pytest


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("tieline", cache_dir=None)


def rings(graph):
    """The modules that can be reached from themselves, an import inside a function counting like any other."""
    reachable = {}
    found = []
    for module in sorted(graph.modules):
        for other in graph.find_modules_directly_imported_by(module):
            if other not in reachable:
                reachable[other] = graph.find_upstream_modules(other)
            if module in reachable[other]:
                found.append((module, other))
    return found


def test_no_modules_import_each_other_in_a_ring(graph):
    assert rings(graph) == []


def test_a_ring_would_be_found(graph):
    graph.add_import(importer="tieline.cli.simulation.world", imported="tieline.cli.simulation.actions")
    assert ("tieline.cli.simulation.world", "tieline.cli.simulation.actions") in rings(graph)
    graph.remove_import(importer="tieline.cli.simulation.world", imported="tieline.cli.simulation.actions")
