"""Types of a plan's values that several parts of it share."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from migration import checks

AzureName = Annotated[str, AfterValidator(checks.azure_name)]
Region = Annotated[str, AfterValidator(checks.region)]
Subscription = Annotated[str, AfterValidator(checks.subscription)]
SafeName = Annotated[str, AfterValidator(checks.safe_name)]
Duration = Annotated[
    int,
    BeforeValidator(checks.duration_seconds),
    PlainSerializer(checks.duration_text, return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["90s", "15m", "12h", "7d"]}),
]
"""Seconds; written as a whole number and a unit: `90s`, `15m`, `12h`, `7d`."""
