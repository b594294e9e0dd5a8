"""The file of prices and assumptions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError

from migration.base import Authored
from migration.errors import PlanFileError, PlanProblem

_MAX_BYTES = 1_000_000
Price = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Number = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


def _above_zero(value: tuple[float, float]) -> tuple[float, float]:
    if min(value) <= 0:
        message = "a rate has to be above 0"
        raise ValueError(message)
    return value


class Assumption(Authored):
    """A number that nobody can know before: from the best case to the worst, and why that is assumed."""

    range: tuple[Number, Number]
    because: str

    @property
    def best(self) -> float:
        """The value in the best case."""
        return self.range[0]

    @property
    def worst(self) -> float:
        """The value in the worst case."""
        return self.range[1]


class Rate(Assumption):
    """An assumption that something is divided by."""

    range: Annotated[tuple[Number, Number], AfterValidator(_above_zero)]


class PriceList(Authored):
    """Prices in the file's currency."""

    site_recovery_machine_month: Price
    inter_region_gib: Price
    cache_gib_month: Price
    cache_written_gib: Price
    disk_gib_month: dict[str, Price]
    snapshot_gib_month: Price = Field(0.05, description="What a snapshot holds; a file without it has Azure's price.")


class Assumptions(Authored):
    """What is assumed; minutes, percent, days as the names say."""

    free_days: Assumption
    check_minutes: Assumption
    prepare_minutes: Assumption
    enable_minutes: Assumption
    copy_mib_per_second: Rate
    used_percent: Assumption
    first_point_minutes: Assumption
    configure_minutes: Assumption
    test_minutes: Assumption
    shutdown_minutes: Assumption
    last_sync_minutes: Assumption
    create_minutes: Assumption
    disk_seconds: Assumption
    verify_minutes: Assumption
    commit_minutes: Assumption
    disable_minutes: Assumption
    tidy_minutes: Assumption
    change_percent_per_day: Assumption
    cached_days: Assumption


class Prices(Authored):
    """A file of prices and assumptions."""

    version: Literal[1]
    currency: Annotated[str, Field(min_length=1, max_length=10)]
    prices: PriceList
    assumptions: Assumptions


def load_prices(path: Path) -> Prices:
    """Return what the file at *path* says.

    Raises:
        PlanFileError: The file cannot be used; each mistake with its field, and what would be right.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _unusable(path, "", "the file is far too large for prices", "name a file like plans/prices.yaml")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        fix = "name a file like plans/prices.yaml"
        raise _unusable(path, "", f"the file cannot be read: {cause}", fix) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise _unusable(path, "", "the file is no YAML", "mend it at this line", line) from None
    try:
        return Prices.model_validate(content)
    except ValidationError as error:
        problems = [
            PlanProblem(str(path), 0, 0, ".".join(map(str, one["loc"])), one["msg"], "see plans/prices.yaml")
            for one in error.errors(include_url=False)
        ]
        raise PlanFileError(problems) from None


def _unusable(path: Path, field: str, problem: str, fix: str, line: int = 0) -> PlanFileError:
    return PlanFileError([PlanProblem(str(path), line, min(line, 1), field, problem, fix)])
