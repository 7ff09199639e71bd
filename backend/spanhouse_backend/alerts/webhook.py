"""Where somebody is told: how the file of rules names it."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from spanhouse_backend.alerts.values import TimeoutSeconds, WebAddress
from spanhouse_backend.declared.strict import Name, Strict, wrong

Template = Literal["generic", "slack", "alertmanager"]


class Webhook(Strict):
    """Where somebody is told: JSON is posted there."""

    name: Name = Field(description="What rules call it.")
    url: WebAddress | None = Field(None, description="Where to post; or, as it often is a secret itself: url_file.")
    url_file: Path | None = Field(None, description="The file that holds the URL, read each time.")
    token_file: Path | None = Field(
        None, description="The file that holds a token, sent as `Authorization: Bearer`, read each time."
    )
    headers_file: Path | None = Field(
        None, description="The file that holds headers to send, a `Name: value` a line, read each time."
    )
    template: Template = Field(
        "generic",
        description="What is posted: all there is to say; a message as Slack and its kin take it; an alert as "
        "Alertmanager's /api/v2/alerts takes it.",
    )
    timeout: TimeoutSeconds = Field("5s", validate_default=True)

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise wrong("needs url or url_file, one of the two")
        return self
