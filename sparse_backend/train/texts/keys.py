"""Pools of the keys that facts are about: people, places, products and things of everyday offices."""

from __future__ import annotations

import random

from sparse_backend.train.texts.values import CITIES, value

_POOLS = {
    "material": ("acetone|sodium hydroxide|resin A|resin B|the blue dye|ethanol|silicone oil|calcium chloride|the primer|hydrogen peroxide|"
                 "lactic acid|the sealant|citric acid|potassium nitrate|the enamel|glycerol|white spirit|the hardener|boric acid|the catalyst"),
    "team": ("billing|payroll|security|networking|storage|search|mobile|design|research|legal|procurement|facilities|translation|analytics|"
             "platform|release|training|quality|logistics|onboarding"),
    "form": ("travel request|expense report|leave application|incident report|purchase order|tax declaration|safety checklist|visa application|"
             "inventory list|vendor form|grant proposal|annual statement|parking permit|equipment request|medical certificate|audit response"),
    "rule": ("business travel|home office equipment|language courses|parental leave|overtime|gym membership|client entertainment|relocation|"
             "conference attendance|professional books|childcare|eyeglasses|bicycle leasing|unpaid leave|first aid training|mobile phones"),
}  # fmt: skip

TWINS = 0.4  # share of keys that differ from the one before in one place


def keys(pool: str, count: int, r: random.Random) -> list[str]:
    """`count` different keys of a pool; pools of people share names now and then, as real ones do."""
    if pool in _POOLS:
        return r.sample(_POOLS[pool].split("|"), count)
    if pool == "city":
        return r.sample(CITIES, count)
    if pool == "colour city":
        words = "amber basil cedar delta ember flint grove haven iris jade kiln lotus maple nova onyx pearl quartz raven slate topaz umber violet"
        return r.sample(words.split(), count)
    found: list[str] = []
    for _ in range(200):
        if len(found) == count:
            break
        made = value(pool, r)
        if pool == "person" and found and r.random() < 0.3:  # the same family name, another person
            made = f"{made.split()[0]} {found[0].split()[1]}"
        if found and r.random() < TWINS:
            made = _twin(pool, found[-1], r) or made
        if made not in found:
            found.append(made)
    return found


def _twin(pool: str, key: str, r: random.Random) -> str:
    """A key that differs from `key` in one place, as the next item of a register does; empty where none is known."""
    if pool == "code":
        at = r.randrange(3, len(key))
        return key[:at] + str((int(key[at]) + r.randint(1, 9)) % 10) + key[at + 1 :]
    if pool == "company":
        first, _, legal = key.split(" ")
        return f"{first} {value('company', r).split(' ')[1]} {legal}"
    if pool == "address":
        number, _, street = key.partition(" ")
        return f"{int(number) + r.randint(1, 9)} {street}"
    return ""
