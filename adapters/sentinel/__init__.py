"""Microsoft Sentinel: the incidents of one workspace."""
