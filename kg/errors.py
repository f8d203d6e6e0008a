"""Every error that shopgraph raises on purpose.

    ShopgraphError
    ├── SettingsError        an environment variable or option has a bad value
    ├── ServerError          the local Neo4j cannot be set up, started or reached
    ├── GraphError           the database refused or lacks something
    │   └── QueryFileError   a .cypher file disagrees with itself
    ├── ManifestError        shop.toml is wrong
    ├── IngestError          the data cannot be loaded (too many rejects, missing file)
    ├── EncoderError         the text encoder cannot be loaded or is not the expected one
    ├── ModelError           no model, a broken model file, or vectors that do not fit
    └── RefreshError         a refresh cannot go on
        ├── BusyError        another refresh holds the lease (exit code 75)
        ├── ShrinkError      the source lost more than may be lost unasked (exit code 3)
        └── StoppedError     a signal told it to stop (exit code 143 or 130)

Each message names the thing, the bad value and what to do. Only the command line and the API turn an
error into words or a status.
"""


class ShopgraphError(Exception):
    """Base of all errors raised on purpose; its text is meant for the person at the keyboard."""

    exit_code = 1  # of the command that it ends


class SettingsError(ShopgraphError): ...


class ServerError(ShopgraphError): ...


class GraphError(ShopgraphError): ...


class QueryFileError(GraphError): ...


class ManifestError(ShopgraphError): ...


class IngestError(ShopgraphError): ...


class EncoderError(ShopgraphError): ...


class ModelError(ShopgraphError): ...


class RefreshError(ShopgraphError): ...


class BusyError(RefreshError):
    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again later


class ShrinkError(RefreshError):
    exit_code = 3


class StoppedError(RefreshError):
    def __init__(self, signal: int) -> None:
        super().__init__("told to stop; the next refresh goes on from here")
        self.exit_code = 128 + signal  # as shells have it
