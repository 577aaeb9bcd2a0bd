"""Amazon SNS, and by it the alarms of CloudWatch."""
