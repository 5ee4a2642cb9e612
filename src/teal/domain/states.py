"""Provisioning states of endpoints and deployments (`spec/azureml.md` §1.12), exactly as they are written on the
wire."""

from enum import StrEnum


class ProvisioningState(StrEnum):
    CREATING = "Creating"
    UPDATING = "Updating"
    SCALING = "Scaling"
    DELETING = "Deleting"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"
