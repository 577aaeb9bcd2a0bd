from tieline_acme.simulator import AcmeDriver

from tieline.adapters.testing.contract import AdapterContract


class TestAcme(AdapterContract):
    driver = AcmeDriver
