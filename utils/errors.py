"""The exceptions of Spyglass: raised where a fault is known, shown once, where the user is.

Every message is one sentence that names the thing at fault and what is wrong with it, followed by
what to do.
"""

from utils.masking import without_secrets


class SpyglassError(Exception):
    """A fault the user can understand and mend; its message is shown without a traceback."""

    def __init__(self, message: str = "") -> None:
        """Keep the message, without the secrets of addresses in it: it is stored with a run."""
        super().__init__(without_secrets(message))


class ConfigurationError(SpyglassError):
    """A configuration file, flag or environment variable is wrong; nothing has been done yet."""


class SourceError(SpyglassError):
    """A data source as a whole cannot be read."""


class LabelError(SpyglassError):
    """One label file, or one entry of it, cannot be read or is not understood."""


class ImageError(SpyglassError):
    """One image cannot be read, is larger than the configured limit, or is not an image."""


class TooManyIssuesError(SpyglassError):
    """The share of items set aside exceeds the configured limit."""


class StoreError(SpyglassError):
    """The object store cannot be reached, read or written."""


class LabelStudioError(SpyglassError):
    """Label Studio cannot be reached, refuses the token, or holds something other than expected."""


class DatasetError(SpyglassError):
    """A labelled dataset cannot be used for training."""


class EmptySplitError(DatasetError):
    """A split with a positive share receives no scene."""


class GeoreferenceError(SpyglassError):
    """An image's description of its place on Earth means no place."""


class DetectorError(SpyglassError):
    """A detector cannot be loaded, trained or run."""


class MissingStageError(SpyglassError):
    """No model version is in the stage that a pipeline needs."""


class ServerError(SpyglassError):
    """An embedded server (Label Studio, MongoDB, MLflow, FiftyOne) cannot be set up or started."""


class BusyError(SpyglassError):
    """Another process is doing the same work on the same target."""


class CloudError(SpyglassError):
    """Google Cloud lacks, refuses or does not answer something that a stack needs."""


class JobError(SpyglassError):
    """A job of a cluster cannot be submitted, or ended otherwise than well."""


class BundleError(SpyglassError):
    """A bundle cannot be packed, or is not as it was packed."""


class AlarmError(SpyglassError):
    """Something out there is alarming, by the rules of `configs/monitoring.yaml`."""


class ServiceError(SpyglassError):
    """A service cannot be reached, refuses a request, or has another version than it should.

    Attributes:
        status: HTTP status of its answer; 0 without one.
    """

    def __init__(self, message: str = "", status: int = 0) -> None:
        """Keep the sentence and the status."""
        super().__init__(message)
        self.status = status
