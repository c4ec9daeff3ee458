"""Every exception that scrfd_edge raises on purpose. Each says what was expected, what came and what to do."""


class ScrfdError(Exception):
    """Base of all errors of this package: catch it to catch them all."""


class ImageError(ScrfdError, ValueError):
    """A picture cannot be read, or is not a picture: missing, truncated, too large, wrong shape or dtype."""


class ModelError(ScrfdError, ValueError):
    """A model file or description is missing, damaged, or not an SCRFD network."""


class BackendError(ScrfdError, RuntimeError):
    """An engine or device was asked for that is unknown, absent or not usable here."""


class SettingError(ScrfdError, ValueError):
    """An argument lies outside its range."""


class DownloadError(ScrfdError, RuntimeError):
    """A download failed, or what arrived is not what the catalog promises."""


class DataError(ScrfdError, ValueError):
    """Annotations, ground truth, detections or calibration pictures are missing or malformed."""
