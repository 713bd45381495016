"""Names and numbers that facts are about: many towns, people and words of their own, none of them in the filler."""

from __future__ import annotations

from random import Random

TOWNS = (
    "Arlmouth", "Bexwick", "Calderby", "Dunmere", "Elsford", "Farnhope", "Garsdale", "Hexley", "Ibstock", "Jarrowby",
    "Kelsop", "Lamberth", "Marwood", "Norwell", "Oxhaven", "Penrick", "Quenby", "Rothmere", "Selwick", "Tarnley",
    "Ulverby", "Vexford", "Wexcombe", "Yarrowby", "Zelham", "Ashgrove", "Birkdale", "Corbridge", "Dalwhin", "Estwick",
)  # fmt: skip
SIDES = ("", "Upper ", "Lower ", "East ", "West ", "Old ", "New ", "Great ", "Little ")
CITIES = ("Lisbon", "Oslo", "Turin", "Ghent", "Porto", "Riga", "Cork", "Graz", "Malmö", "Tallinn", "Bergen", "Basel")
COUNTRIES = ("Portugal", "Norway", "Scotland", "Belgium", "Latvia", "Ireland", "Austria", "Sweden", "Estonia", "Japan")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
SPELLED = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 12: "twelve"}


def towns(random: Random, count: int) -> list[str]:
    """`count` different places, of different names where there are enough; ValueError beyond all there are."""
    if count <= len(TOWNS):
        return [random.choice(SIDES) + town for town in random.sample(TOWNS, count)]
    return random.sample([side + town for side in SIDES for town in TOWNS], count)


def numbers(random: Random, count: int, low: int = 10_000, high: int = 99_999) -> list[int]:
    """`count` different whole numbers."""
    return random.sample(range(low, high), count)
