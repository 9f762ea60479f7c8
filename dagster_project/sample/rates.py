"""How often the simulated company errs, and the laws by which its customers behave.

Every rate lies here and nowhere else; the company writes them beside its truth as
``truth/error_rates.csv.gz`` and ``truth/parameters.csv.gz``. A rate is a probability per item of
the kind named in ``applies_to``.
"""

from typing import NamedTuple


class Rate(NamedTuple):
    """One documented probability."""

    rate: float
    applies_to: str
    meaning: str


RATES: dict[str, Rate] = {
    # People
    "cyrillic": Rate(0.40, "person", "lives in Russia and writes Cyrillic; the rest are British"),
    "family_block": Rate(0.26, "group of 4 people", "2 to 4 of the group are one family"),
    "family_phone": Rate(0.60, "family", "shares one telephone beside the members' own"),
    "family_device": Rate(0.35, "family", "shares one device, so one visitor_id"),
    "twin": Rate(0.03, "family", "two members have the same date of birth"),
    "namesake": Rate(0.02, "family", "parent and child have the same first and last name"),
    "works_at_company": Rate(0.10, "person", "has an employer that the CRM knows"),
    "company_mailbox": Rate(0.35, "employee", "often gives the employer's info@ mailbox"),
    "changed_email": Rate(0.06, "person", "uses another e-mail from some day on"),
    "two_addresses": Rate(0.10, "person", "gives a second e-mail in every third record"),
    "changed_phone": Rate(0.04, "person", "uses another mobile from some day on"),
    "changed_surname": Rate(0.02, "woman", "older CRM records carry another surname"),
    "buyer": Rate(0.78, "person", "ever buys; the rest stay leads"),
    # Records
    "has_contact": Rate(0.74, "person", "is in the CRM"),
    "second_contact": Rate(0.10, "contact", "is entered in the CRM once more"),
    "has_account": Rate(0.72, "person", "has a shop account"),
    "second_account": Rate(0.05, "account holder", "registers once more, with another e-mail"),
    "has_card": Rate(0.42, "person", "has a loyalty card"),
    "guest_checkout": Rate(0.12, "online order of an account holder", "is made as a guest"),
    # Writing
    "nickname": Rate(0.07, "name written", "short form instead of the full first name"),
    "latin_shop": Rate(0.35, "Russian in the shop", "name is written in Latin letters"),
    "latin_crm": Rate(0.06, "Russian in the CRM", "name is written in Latin letters"),
    "swapped_names": Rate(0.015, "name written", "first and last name are exchanged"),
    "typo_first_name": Rate(0.015, "name written", "one typing error in the first name"),
    "typo_last_name": Rate(0.02, "name written", "one typing error in the last name"),
    "upper_case_name": Rate(0.02, "name written", "in capitals"),
    "no_middle_name": Rate(0.55, "CRM record of a Russian", "patronymic missing"),
    "yo_as_ye": Rate(0.60, "name with ё", "is written with е"),
    "no_birth_date": Rate(0.35, "record with a name", "date of birth missing"),
    "birth_first_january": Rate(0.03, "date of birth", "defaulted to 1 January of its year"),
    "birth_1900": Rate(0.015, "date of birth", "defaulted to 1900-01-01"),
    "birth_swapped": Rate(0.02, "date of birth with day up to 12", "day and month exchanged"),
    "birth_invalid": Rate(0.001, "CRM date of birth", "is 0000-00-00: no date (cell becomes NULL)"),
    "no_email": Rate(0.12, "CRM record", "e-mail missing"),
    "work_email": Rate(0.10, "CRM record", "e-mail is one that no other record bears"),
    "no_phone": Rate(0.22, "record that could hold a phone", "phone missing"),
    "email_upper": Rate(0.02, "e-mail written", "in capitals"),
    "email_dots": Rate(0.10, "gmail address written", "dots added or left out"),
    "email_plus": Rate(0.03, "gmail address written", "with a +tag"),
    "email_googlemail": Rate(0.02, "gmail address written", "as googlemail.com"),
    "email_typo": Rate(0.008, "e-mail written", "one typing error"),
    "phone_typo": Rate(0.006, "phone written", "one wrong digit"),
    "card_spaced": Rate(0.20, "card written in the CRM", "in groups of four"),
    "no_address": Rate(0.30, "CRM record", "street address and postal code missing"),
    "withheld_number": Rate(0.03, "inbound call", "number withheld"),
    # Trade
    "failed_attempt": Rate(0.02, "purchase", "a failed payment minutes before: status failed"),
    "cancelled_order": Rate(0.03, "purchase", "one more order, within days, that is cancelled"),
    "pending_order": Rate(0.004, "purchase", "one more order, in the last 3 days, still pending"),
    "walk_in_order": Rate(0.05, "purchase", "one more order by a buyer who leaves no identifier"),
    "full_refund": Rate(0.03, "purchase", "is refunded in full"),
    "partial_refund": Rate(0.045, "purchase", "one line is refunded"),
    "refund_without_order": Rate(0.10, "partial refund of an account order", "names no order"),
    "refund_of_nothing": Rate(0.02, "partial refund", "names an order that is not there"),
    "late_version": Rate(0.015, "order", "is there twice, the later version with its final status"),
    "unknown_account": Rate(0.002, "order with an e-mail", "names an account that is not there"),
    "unknown_product": Rate(0.0005, "order line", "names a product that is not there"),
    "untracked_purchase": Rate(0.08, "online purchase", "session not seen (blockers)"),
    "cleared_cookie": Rate(0.05, "session", "has a visitor_id never seen again"),
    "bot_sessions": Rate(0.012, "session", "one more session, by a known bot"),
    "anonymous_sessions": Rate(0.15, "session", "one more session, by someone never identified"),
    "dead_mailbox": Rate(0.03, "person", "e-mails bounce from some day on"),
    # Service
    "service_call": Rate(0.13, "purchase", "inbound call within two weeks"),
    "ticket": Rate(0.07, "purchase", "ticket within two weeks"),
    "review": Rate(0.09, "purchase by an account", "review within a month"),
    "nps_survey": Rate(0.07, "purchase", "survey answered within two weeks"),
    "erasure": Rate(0.002, "person", "asks for erasure in the last two months"),
}

# Rows that loading must refuse, the same in every company: what the summary of a run shows.
QUARANTINED_ROWS = 3

# BG/NBD (Fader, Hardie, Lee 2005): rate ~ Gamma(R, rate ALPHA), dropout after each repeat
# purchase with probability ~ Beta(A, B). Time in weeks of the seasonal clock.
BGNBD_R = 0.8
BGNBD_ALPHA = 12.0
BGNBD_A = 0.9
BGNBD_B = 3.5

# Gamma-Gamma (Fader, Hardie 2005): order value ~ Gamma(P, rate nu), nu ~ Gamma(Q, rate GAMMA).
SPEND_P = 4.0
SPEND_Q = 4.0
SPEND_GAMMA = 45.0

# Percent of an average day's purchases, by month and by weekday (Monday first).
MONTH_SEASON = (90, 91, 96, 98, 100, 98, 95, 96, 100, 103, 116, 117)
WEEKDAY_SEASON = (97, 96, 97, 99, 104, 106, 101)


class Effect(NamedTuple):
    """What a touch of a channel truly does."""

    share: float
    incremental: float


# Per channel: the share of purchases that its touches cause, and the probability that one touch
# of a living customer causes a purchase that would not have been made. Direct visits, organic
# brand searches and paid brand searches accompany purchases and cause none.
CHANNEL_EFFECTS: dict[str, Effect] = {
    "organic_search": Effect(0.10, 0.20),
    "paid_search": Effect(0.10, 0.22),
    "paid_social": Effect(0.06, 0.09),
    "organic_social": Effect(0.03, 0.08),
    "email": Effect(0.10, 0.16),
    "sms": Effect(0.02, 0.18),
    "affiliates": Effect(0.05, 0.25),
    "display": Effect(0.02, 0.05),
    "referral": Effect(0.03, 0.18),
    "call_center": Effect(0.04, 0.30),
}

# Purchases (other than those caused in the very session) are made in a session that only leads
# to the shop: weights of direct, organic search and paid search for the brand.
NAVIGATION = {"direct": 55, "organic_search": 25, "paid_search": 20}


def rate(name: str) -> float:
    """The probability of that name."""
    return RATES[name].rate
