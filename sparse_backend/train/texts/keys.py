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
        if made not in found:
            found.append(made)
    return found
