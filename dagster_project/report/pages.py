"""Pages of the report: which sections stand on which page, in reading order."""

from dataclasses import dataclass
from types import ModuleType

from dagster_project.report.language import noted
from dagster_project.report.sections import (
    attribution,
    audiences,
    campaigns,
    checks,
    cohorts,
    customers,
    deals,
    discounts,
    feedback,
    forecast,
    funnel,
    identity,
    journeys,
    loading,
    overview,
    preferences,
    products,
    retention,
    returns,
    revenue,
    scorecard,
    segment_value,
    segments,
    service,
    value,
    versions,
)


@dataclass(frozen=True)
class Page:
    """A file of the report: ``<slug>.html``, its title (a message of the catalogue), its parts."""

    slug: str
    title: str
    sections: tuple[ModuleType, ...]

    @property
    def marts(self) -> tuple[str, ...]:
        """Every mart that the page reads; dbt's exposures are made from it."""
        return tuple(sorted({mart for section in self.sections for mart in section.MARTS}))


PAGES: tuple[Page, ...] = (
    Page("index", noted("Overview"), (overview, versions)),
    Page("customers", noted("Customers"), (revenue, customers, retention)),
    Page("cohorts", noted("Cohorts"), (cohorts,)),
    Page("channels", noted("Channels"), (scorecard, attribution)),
    Page("journeys", noted("Journeys"), (journeys,)),
    Page("funnel", noted("Hourglass funnel"), (funnel,)),
    Page("segments", noted("Segments and personas"), (segments, preferences)),
    Page("value", noted("Value and forecast"), (value, segment_value, forecast)),
    Page("deals", noted("Deals"), (deals,)),
    Page("products", noted("Products"), (products, returns)),
    Page("service", noted("Service"), (service,)),
    Page("feedback", noted("Feedback"), (feedback,)),
    Page("campaigns", noted("Campaigns and experiments"), (campaigns, discounts)),
    Page("audiences", noted("Audiences and consent"), (audiences,)),
    Page("quality", noted("Data quality"), (checks, identity, loading)),
)
