"""Telephone numbers as people of a country write them, without the country's code."""

import re
from collections.abc import Iterable, Iterator

from attrs import field, frozen

from ftctl.errors import ConfigInvalid
from ftctl_adapters.records.pii_kinds import Kind

MAYBE = re.compile(r"\(?\d[\d ()./-]{5,18}\d")
"""Anything that might be one, since the library's search takes a thousand times as long."""

WRITTEN = re.compile(r"[ ()./-]")
"""Digits without anything between them are numbers of orders and accounts more often than telephones'."""


@frozen
class LocalPhones(Kind):
    """Numbers of one region that its numbering plan knows, grouped as it groups them; by libphonenumber's rules."""

    region: str = field(kw_only=True)

    @classmethod
    def of(cls, region: str) -> "LocalPhones":
        """Return the kind for a country, by its code."""
        return cls("phone", MAYBE, region=region)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        import phonenumbers

        if self.pattern.search(text):
            strict = phonenumbers.Leniency.STRICT_GROUPING
            for match in phonenumbers.PhoneNumberMatcher(text, self.region, leniency=strict):
                if WRITTEN.search(match.raw_string) and match.raw_string[:1] != "+":
                    yield match.start, match.end


def known_regions(regions: Iterable[str]) -> tuple[str, ...]:
    """Return the regions.

    Raises:
        ConfigInvalid: one is no country of libphonenumber.
    """
    import phonenumbers

    for region in regions:
        if region not in phonenumbers.SUPPORTED_REGIONS:
            step = "use ISO 3166 codes such as US, GB, DE"
            raise ConfigInvalid(f"pii.phone_regions: {region!r} is no country code", next_step=step)
    return tuple(regions)
