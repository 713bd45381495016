"""Values that fill the slots of templates: amounts, dates, names, places. All invented."""

from __future__ import annotations

import random
from collections.abc import Callable

_FIRST = (
    "Anna Boris Chen Dalia Emil Farah Goran Hana Ivan Jun Kofi Lena Marco Nadia Omar Priya Quinn Rosa Sven Tariq Uma Viktor Wendy "
    "Xavier Yara Zane Alice Bruno Carla Dmitri Elena Felix Greta Hugo Ines Jonas Karim Lucia Miguel Nora Oscar Paula Rahul Sofia "
    "Thomas Ulla Vera Walter Ximena Yusuf Zoe Amara Bjorn Celine Diego Esther Fatima Gustav Helen Igor Julia Kenji Laura Mehmet"
).split()
_LAST = (
    "Novak Silva Kumar Olsen Rossi Meyer Tanaka Okafor Lindqvist Dupont Garcia Petrov Haddad Nguyen Kowalski Murphy Jensen Costa "
    "Fischer Sato Mbeki Larsen Moreau Ortiz Ivanov Rahman Schmidt Park Bianchi Walsh Keller Santos Weber Ali Brown Clarke Evans Ford "
    "Grant Hughes Iverson Johansson Khan Lopez Martin Nakamura Owens Perez Reyes Stone Turner Vargas Wagner Young Zimmer"
).split()
_STEMS = (
    "Acme Beacon Cobalt Delphi Everline Fairmont Granite Harbor Ironwood Juniper Keystone Lumen Meridian Northwind Orion Pinnacle "
    "Quarry Redwood Summit Tidewater Umbra Vantage Westbrook Zenith Alder Brightfield Cascade Dunmore Eastgate Falcon Glenview "
    "Hollis Inverness Jasper Kestrel Larkspur Millbrook Norwood Oakhurst Pembroke Rosedale Sterling Thornton Vertex Willowmere"
).split()
_BRANCH = "Systems Industries Logistics Energy Holdings Pharma Networks Foods Textiles Robotics Software Minerals Media Capital".split()
_LEGAL = ("Inc.", "LLC", "Ltd.", "GmbH", "S.A.", "Corp.", "Limited", "B.V.", "AG", "plc")
CITIES = (
    "Lyon Turin Ghent Graz Porto Oslo Bergen Krakow Varna Split Leeds Cork Basel Nantes Murcia Tartu Vaasa Brno Pecs Arad Boston "
    "Denver Austin Toronto Montreal Dublin Zurich Geneva Hamburg Munich Madrid Seville Lisbon Vienna Prague Warsaw Riga Vilnius "
    "Helsinki Stockholm Malmo Aarhus Utrecht Antwerp Milan Naples Athens Nairobi Lagos Accra Pune Chennai Osaka Kobe Busan Perth"
).split()
_LAWS = ("the State of New York", "the State of Delaware", "England and Wales", "Germany", "France", "Switzerland", "the State of California",
         "Ontario", "Singapore", "the Netherlands", "Sweden", "Texas", "Ireland", "Japan", "Austria", "Norway", "the State of Nevada",
         "New South Wales", "Denmark", "Spain", "Scotland", "Hong Kong", "Italy", "Belgium")  # fmt: skip
_COUNTRIES = "Ireland Germany France Sweden Finland Canada Iceland Austria Poland Portugal Estonia Norway Japan Singapore Brazil Kenya".split()
_MONTHS = "January February March April May June July August September October November December".split()
_WORDS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
          "nineteen twenty").split()  # fmt: skip
_TENS = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety"}
_ROLES = ("Chief Executive Officer", "Chief Financial Officer", "General Counsel", "Head of Procurement", "Managing Director",
          "Compliance Officer", "Vice President of Operations", "Project Director", "Company Secretary", "Head of Security")  # fmt: skip
_PRODUCTS = ("the Orion Platform", "the Software", "the HelioScan device", "the Atlas database", "the Nimbus service", "the Compound",
             "the Vega engine", "the Licensed Technology", "the Delta module", "the Mosaic toolkit", "the Equipment", "the Terra sensor")  # fmt: skip
_SERVICES = ("warehousing", "payment processing", "data entry", "clinical monitoring", "translation services", "hosting", "cleaning services",
             "freight forwarding", "laboratory analysis", "site preparation", "customs clearance", "quality inspection", "call centre services")  # fmt: skip
_REGIONS = ("the European Union", "North America", "Scandinavia", "the Benelux countries", "Latin America", "Southeast Asia", "the United Kingdom",
            "the Baltic states", "the Middle East", "Australia and New Zealand", "Central Africa", "the Iberian Peninsula")  # fmt: skip
_MILESTONES = ("prototype", "system design", "pilot installation", "data migration", "final documentation", "user training", "phase I study",
               "foundation works", "first production run", "security review", "interface specification", "roof construction")  # fmt: skip
_STREETS = "High Street|Station Road|Mill Lane|Park Avenue|Harbour Street|Church Road|Industrial Way|Market Square|Oak Drive|River Road".split(
    "|"
)
_LANGUAGES = "English French German Spanish Italian Portuguese Dutch Swedish Japanese Polish".split()
_AUTHORITIES = ("the Federal Trade Commission", "the European Commission", "the Competition Authority", "the Ministry of Finance",
                "the Central Bank", "the Port Authority", "the Energy Regulator", "the Board of Health")  # fmt: skip
_CURRENCIES = ("US dollars", "euros", "Swiss francs", "pounds sterling", "Japanese yen", "Canadian dollars", "Norwegian kroner", "Danish kroner")  # fmt: skip
_BANK_NAMES = (
    "Northgate Unity Harbour Alpine Meridian Orchard Silverton Castle Riverside Union Granary Lighthouse".split()
)
_STANDARDS = tuple(f"{body} {number}" for body, numbers in (("ISO", (9001, 14001, 27001, 45001, 22000, 13485)), ("EN", (1090, 15038, 12845)),
                                                           ("SA", (8000,))) for number in numbers)  # fmt: skip
_ORDINALS = "first second third fourth fifth sixth seventh eighth tenth twelfth fifteenth twentieth".split()
_SYLLABLES = ("al an ar bel bor cal cor dan del dor el en fal fen gal gor hal hel il in kal kor lan lor mar mel nar nor or pal pel quen "
              "ral ren sal sel tar tor val vel ven vor wel xan yel zan zor").split()  # fmt: skip
_ENDINGS = "tis mar ra dia nex via ton ta ro lis vant sol med tec gen nova lux bio rix dyne".split()


def coined(r: random.Random) -> str:
    """A made-up name, as firms and products have: one of many thousands."""
    return (r.choice(_SYLLABLES) + r.choice(("", r.choice(_SYLLABLES))) + r.choice(_ENDINGS)).capitalize()


def amount_words(n: int) -> str:
    """English words for whole amounts below a billion."""
    if n < 100:
        return number_words(n)
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            head, rest = amount_words(n // size), n % size
            joint = " and " if size == 100 else " "
            return f"{head} {name}" + (joint + amount_words(rest) if rest else "")
    raise AssertionError


def wide_money(r: random.Random) -> str:
    """An amount in words and figures, or in figures alone."""
    n = r.choice(
        (r.randint(1, 90) * 500, r.randint(1, 40) * 25_000, r.randint(1, 60) * 250_000, r.randint(2, 90) * 1_000_000)
    )
    unit, sign = r.choice((("dollars", "$"), ("US dollars", "US$"), ("euros", "€"), ("pounds", "£")))
    form = r.random()
    if form < 0.5:
        return f"{amount_words(n)} {unit} ({sign}{n:,})"
    if form < 0.6 and n % 1_000_000 == 0:
        return f"{sign}{n // 1_000_000} million"
    return f"{sign}{n:,}"


def dollars(r: random.Random) -> str:
    """A round amount of dollars, easily added to another: in words and figures, or in figures alone."""
    n = r.choice(
        (r.randint(1, 40) * 1_000_000, r.randint(1, 19) * 500_000, r.randint(1, 30) * 10_000, r.randint(2, 95) * 1000)
    )
    return f"{amount_words(n)} dollars (${n:,})" if r.random() < 0.55 else f"${n:,}"


def number_words(n: int) -> str:
    """English words for 0..99."""
    if n <= 20:
        return _WORDS[n]
    tens, ones = n // 10 * 10, n % 10
    return _TENS[tens] + (f"-{_WORDS[ones]}" if ones else "")


def person(r: random.Random) -> str:
    """First and last name."""
    return f"{r.choice(_FIRST)} {r.choice(_LAST)}"


def first_name(r: random.Random) -> str:
    """A first name."""
    return r.choice(_FIRST)


def company(r: random.Random) -> str:
    """A firm with its legal form."""
    return f"{r.choice(_STEMS)} {r.choice(_BRANCH)} {r.choice(_LEGAL)}"


def date(r: random.Random) -> str:
    """A day in one of the usual forms."""
    day, month, year = r.randint(1, 28), r.randint(1, 12), r.randint(1995, 2031)
    name = _MONTHS[month - 1]
    return r.choice(
        (f"{day} {name} {year}", f"{name} {day}, {year}", f"{name} {day}, {year}", f"{year}-{month:02}-{day:02}")
    )


def money(r: random.Random) -> str:
    """An amount with its currency."""
    amount = r.choice(
        (
            r.randint(10, 999),
            r.randint(10, 999) * 100,
            r.randint(1, 999) * 1000,
            r.randint(1, 90) * 250_000,
            r.randint(1001, 99999),
        )
    )
    form = r.random()
    if form < 0.5:
        return f"${amount:,}" + (".00" if r.random() < 0.2 else "")
    if form < 0.7:
        return f"EUR {amount:,}"
    if form < 0.85:
        return f"{amount:,} {r.choice(('euros', 'US dollars', 'Swiss francs', 'pounds sterling'))}"
    return f"{r.choice(('US$', 'GBP ', 'CHF ', '€', '£'))}{amount:,}"


def _counted(r: random.Random, low: int, high: int, unit: str) -> str:
    n = r.randint(low, high)
    if n <= 99 and r.random() < 0.35:
        return f"{number_words(n)} ({n}) {unit}{'' if n == 1 else 's'}"
    if n <= 20 and r.random() < 0.3:
        return f"{number_words(n)} {unit}{'' if n == 1 else 's'}"
    return f"{n} {unit}{'' if n == 1 else 's'}"


def _usual(r: random.Random, sizes: tuple[int, ...], unit: str) -> str:
    n = r.choice(sizes)
    return _counted(r, n, n, unit)


def value(kind: str, r: random.Random) -> str:
    """A value for a slot; a number behind its name only tells two of a kind apart. KeyError for an unknown kind."""
    kind = kind.rstrip("0123456789")
    simple = {
        "law": _LAWS, "city": CITIES, "country": _COUNTRIES, "role": _ROLES, "product": _PRODUCTS, "service": _SERVICES, "region": _REGIONS,
        "milestone": _MILESTONES, "language": _LANGUAGES, "authority": _AUTHORITIES, "currency": _CURRENCIES, "standard": _STANDARDS,
        "ordinal": _ORDINALS, "monthname": _MONTHS, "format": ("CSV", "JSON", "XML", "Parquet", "SQL dump", "spreadsheet"),
        "grade": ("A", "A+", "AA", "AA-", "BBB", "A-"), "incoterm": ("FOB", "CIF", "EXW", "DAP", "DDP", "FCA", "CPT"),
        "timeunit": ("day", "week", "month"),
    }  # fmt: skip
    if kind in simple:
        return r.choice(simple[kind])
    made: dict[str, Callable[[], str]] = {
        "days": lambda: r.choice((_counted(r, 2, 180, "day"), _counted(r, 1, 12, "business day"), _usual(r, (5, 7, 10, 14, 15, 20, 21, 30, 45, 60, 90, 120, 180), "day"),
                                  _usual(r, (5, 7, 10, 14, 15, 20, 28, 30, 45, 60, 90, 120, 180), "day"))),
        "price": lambda: f"{r.choice(('$', '€', '£'))}{r.choice((r.randint(2, 99), r.randint(100, 4900))):,}.{r.choice(('00', '00', '50', '90', '25'))}",
        "salary": lambda: f"{r.choice(('$', 'EUR ', 'CHF ', '£'))}{r.randint(48, 400) * 500:,}",
        "leave": lambda: str(r.randint(18, 38)),
        "weekhours": lambda: str(r.randint(18, 45)),
        "usd": lambda: dollars(r),
        "fewdays": lambda: _usual(r, (5, 7, 8, 10, 12, 14, 15, 20, 21, 25), "day"),
        "span": lambda: _counted(r, 2, 9, "year") if r.random() < 0.6 else _usual(r, (6, 9, 18, 30), "month"),
        "startdate": lambda: f"{_MONTHS[r.randrange(12)]} {r.randint(1, 28)}, {r.randint(2008, 2030)}",
        "area": lambda: f"{r.randint(25, 2400):,}",
        "weeks": lambda: _counted(r, 2, 16, "week"),
        "bank": lambda: f"{r.choice(_BANK_NAMES)} {r.choice(('Bank', 'Savings Bank', 'Trust', 'Credit Bank'))}",
        "wmoney": lambda: wide_money(r),
        "months": lambda: _usual(r, (1, 2, 3, 4, 6, 9, 12, 18, 24, 36), "month") if r.random() < 0.5 else _counted(r, 2, 36, "month"),
        "years": lambda: _counted(r, 1, 15, "year"),
        "hours": lambda: _counted(r, 2, 96, "hour"),
        "money": lambda: money(r),
        "pct": lambda: r.choice((f"{r.randint(1, 60)}%", f"{r.randint(1, 20)}.{r.choice((25, 5, 75))}%", f"{number_words(r.randint(1, 60))} percent", f"{r.randint(1, 60)} percent")),
        "uptime": lambda: f"{r.choice((97, 98, 99))}.{r.randint(1, 9)}%",
        "date": lambda: date(r),
        "person": lambda: person(r),
        "first": lambda: first_name(r),
        "company": lambda: company(r),
        "number": lambda: number_words(r.randint(2, 12)),
        "count": lambda: f"{r.choice((r.randint(3, 99), r.randint(1, 90) * 10, r.randint(100, 9999))):,}",
        "ratio": lambda: f"{r.randint(1, 5)}.{r.randint(0, 9)} to 1",
        "address": lambda: f"{r.randint(1, 399)} {r.choice(_STREETS)}, {r.choice(CITIES)}",
        "code": lambda: f"{r.choice('ABCDEFGHKLMNPRSTVWX')}{r.choice('ABCDEFGHKLMNPRSTVWX')}-{r.randint(1000, 99999)}",
        "digits": lambda: str(r.randint(10_000, 9_999_999)),
        "phone": lambda: f"+{r.randint(1, 98)} {r.randint(100, 999)} {r.randint(1000, 9999)}",
        "email": lambda: f"{r.choice(_FIRST).lower()}.{r.choice(_LAST).lower()}@{r.choice(_STEMS).lower()}.example",
        "version": lambda: f"{r.randint(0, 12)}.{r.randint(0, 30)}.{r.randint(0, 20)}",
        "port": lambda: str(r.randint(1024, 65535)),
        "time": lambda: f"{r.randint(6, 21)}:{r.choice(('00', '15', '30', '45'))}",
        "size": lambda: f"{r.choice((2, 4, 8, 16, 20, 25, 32, 50, 64, 100, 128, 250, 256, 500, 512))} {r.choice(('MB', 'GB', 'KB'))}",
        "temp": lambda: f"{r.randint(-40, 140)} °C",
        "weekday": lambda: r.choice(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")),
        "colour": lambda: r.choice("red blue green yellow white black orange grey purple brown".split()),
    }  # fmt: skip
    return made[kind]()
