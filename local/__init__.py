"""The laptop's AWS: PostgreSQL, Kafka and an AWS emulator as ordinary processes on loopback.

`python -m local up` starts them, deploys the stage `local` of the same CDK app that goes to AWS, and prints
what to try. State lives in `.local/`; nothing needs Docker, an AWS account or root.
"""
