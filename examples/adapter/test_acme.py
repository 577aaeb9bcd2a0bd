import pytest
from tieline_acme.simulator import AcmeDriver

from tieline.adapters.testing.contract import AdapterContract


class TestAcme(AdapterContract):
    @pytest.fixture
    def tool(self):
        return AcmeDriver()
