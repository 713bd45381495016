"""Kinds of agreements with their roles and recitals, themes of articles, and which clauses would answer one another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of agreement: titles, what the two sides are called, what people call them, and recitals."""

    name: str
    titles: tuple[str, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    first_words: tuple[str, ...]
    second_words: tuple[str, ...]
    recitals: tuple[str, ...]


def _kind(name: str, titles: str, first: str, second: str, said: str, said2: str, *recitals: str) -> Kind:
    one, two, three, four, five = (tuple(part.split("|")) for part in (titles, first, second, said, said2))
    return Kind(name, one, two, three, four, five, recitals)


KINDS = (
    _kind("licence", "LICENSE AND DEVELOPMENT AGREEMENT|PATENT LICENSE AGREEMENT|TECHNOLOGY LICENSE AGREEMENT|LICENCE AGREEMENT", "Licensor|Owner", "Licensee|Developer",
          "the licensor|the owner of the rights|the company that gives the licence", "the licensee|the company that takes the licence|the user of the rights",
          "{A} has developed {product} and owns the rights in it.", "{B} wishes to develop and sell products based on {product} in {region}."),
    _kind("supply", "SUPPLY AGREEMENT|MASTER SUPPLY AGREEMENT|PURCHASE AGREEMENT|MANUFACTURING AND SUPPLY AGREEMENT", "Supplier|Seller|Vendor|Manufacturer", "Customer|Buyer|Purchaser",
          "our supplier|the vendor|the seller|the maker", "the customer|the buyer|the purchasing company",
          "{A} makes and sells {product} at its works in {city}.", "{B} needs {product} for its operations in {region}."),
    _kind("services", "SERVICES AGREEMENT|MASTER SERVICES AGREEMENT|CONSULTING AGREEMENT|OUTSOURCING AGREEMENT", "Contractor|Consultant|Service Provider", "Client|Customer|Principal",
          "the contractor|our consultant|the service provider|the firm that does the work", "the client|the customer|the company that ordered the work",
          "{A} provides {service} to business clients.", "{B} wishes to have {service} done by a specialist."),
    _kind("saas", "SOFTWARE AS A SERVICE AGREEMENT|CLOUD SERVICES AGREEMENT|SUBSCRIPTION AGREEMENT", "Provider|Operator", "Subscriber|Customer",
          "the provider|the software company|our cloud vendor", "the subscriber|the customer|the user company",
          "{A} runs {product} and offers it over the internet.", "{B} wishes to use {product} for {service}."),
    _kind("employment", "EMPLOYMENT AGREEMENT|CONTRACT OF EMPLOYMENT|SERVICE CONTRACT", "Employer|Company", "Employee|Executive",
          "the employer|my boss|the company", "the employee|the worker|the person who was hired",
          "{A} runs a business of {service} in {city}.", "{B} has experience in {service}."),
    _kind("lease", "LEASE|LEASE AGREEMENT|COMMERCIAL LEASE|TENANCY AGREEMENT", "Landlord|Lessor", "Tenant|Lessee",
          "the landlord|the owner of the building|my landlord", "the tenant|the renter|the one who rents",
          "{A} owns a building in {city}.", "{B} wishes to rent rooms for {service}."),
    _kind("merger", "SHARE PURCHASE AGREEMENT|ASSET PURCHASE AGREEMENT|AGREEMENT AND PLAN OF MERGER|BUSINESS TRANSFER AGREEMENT", "Seller|Vendor|Transferor", "Purchaser|Buyer|Acquirer",
          "the seller|the old owner|the one who sells the business", "the buyer|the new owner|the one who takes over the business",
          "{A} owns all issued shares of a company engaged in {service} in {city}.", "{B} wishes to acquire that company on the terms set out below."),
    _kind("insurance", "INSURANCE POLICY|COMMERCIAL INSURANCE CONTRACT|PROPERTY AND LIABILITY POLICY", "Insurer|Underwriter|Company", "Insured|Policyholder",
          "the insurer|the insurance company|the underwriter", "the insured|the policyholder|the customer of the insurer",
          "{A} carries on the business of insurance in {region}.", "{B} has applied for cover for its business of {service}."),
    _kind("nda", "NON-DISCLOSURE AGREEMENT|MUTUAL CONFIDENTIALITY AGREEMENT|CONFIDENTIALITY AGREEMENT", "Discloser|Disclosing Party", "Recipient|Receiving Party",
          "the discloser|the side that shows its papers", "the recipient|the side that gets the information",
          "{A} holds information on {product}.", "{B} wishes to look at that information."),
    _kind("loan", "LOAN AGREEMENT|CREDIT AGREEMENT|TERM LOAN FACILITY", "Lender|Bank", "Borrower|Debtor",
          "the lender|the bank|the one who gives the money", "the borrower|the debtor|the company that takes the loan",
          "{A} grants loans to companies in {region}.", "{B} wishes to finance its plant in {city}."),
    _kind("distribution", "DISTRIBUTION AGREEMENT|EXCLUSIVE DISTRIBUTION AGREEMENT|RESELLER AGREEMENT", "Manufacturer|Supplier|Principal", "Distributor|Reseller|Dealer",
          "the manufacturer|the maker|our principal", "the distributor|the dealer|the reseller",
          "{A} makes {product}.", "{B} has a sales network in {region}."),
    _kind("shareholder", "SHAREHOLDERS AGREEMENT|INVESTMENT AGREEMENT|JOINT VENTURE AGREEMENT", "Founder|Majority Holder", "Investor|Minority Holder",
          "the founder|the big owner", "the investor|the small owner",
          "{A} founded a company for {service} in {city}.", "{B} wishes to invest in that company."),
    _kind("construction", "CONSTRUCTION CONTRACT|BUILDING CONTRACT|WORKS AGREEMENT", "Contractor|Builder", "Employer|Owner|Client",
          "the builder|the contractor|the construction firm", "the owner|the client|the one who is building",
          "{A} builds industrial plants in {region}.", "{B} wishes to have a plant built in {city}."),
)  # fmt: skip
THEMES = {
    "payment": ("Payment", "Fees and Payment", "Financial Terms", "Consideration", "Prices and Payment"),
    "term": ("Term and Termination", "Duration", "Term", "Duration and Ending"),
    "liability": ("Liability and Insurance", "Liability", "Risk Allocation", "Indemnities and Insurance"),
    "ip": ("Intellectual Property", "Licence and Ownership", "Rights", "Proprietary Rights"),
    "secret": ("Confidentiality", "Confidential Information", "Secrecy"),
    "data": ("Data and Service", "Service Quality and Data", "Operations", "Technical Matters"),
    "people": ("Personnel", "Staff", "Employment Terms", "People"),
    "delivery": ("Delivery", "Orders and Delivery", "Performance", "Scope and Performance"),
    "quality": ("Quality", "Warranties", "Quality and Compliance", "Warranty"),
    "property": ("The Premises", "Rent and Use", "Occupation"),
    "loan": ("The Loan", "The Facility", "Financing"),
    "shares": ("The Shares", "Shareholders", "Corporate Matters"),
    "governance": ("Governance", "Cooperation", "Project Organisation"),
    "general": ("General Provisions", "Miscellaneous", "Final Provisions", "General"),
}
OLDER = {
    "payment": "payment term|late interest|fees|expenses|price change|deposit|royalties|minimum purchase|taxes|most favoured",
    "term": "term|renewal|termination convenience|termination breach|insolvency|change of control|survival",
    "liability": "liability cap|consequential|insurance|indemnity|disclaimer|late delivery",
    "ip": "ip ownership|licence|source escrow|option to purchase",
    "secret": "confidentiality term|return of information|publicity|non solicitation|non compete",
    "data": "service level|support response|data protection|data location|background checks",
    "people": "employment salary|probation|severance|key personnel|training",
    "delivery": "delivery|acceptance|milestones|subcontracting|exclusivity territory",
    "quality": "warranty|audit|record retention|compliance|inspection rights|hazardous",
    "property": "rent|maintenance landlord",
    "loan": "loan|prepayment|covenants",
    "shares": "purchase price|conditions precedent|right of first refusal|dividends|quorum|defined interest|operator",
    "governance": "steering committee|mediation|arbitration|venue",
    "general": "governing law|force majeure|assignment|notices|amendment|entire agreement|severability|waiver|relationship|counterparts|language",
}
"""Themes of the clauses in clauses.txt."""
_TRADE = ("supply", "services", "saas", "construction", "distribution", "licence")
_FIT = {
    "property": ("lease",), "loan": ("loan",), "shares": ("shareholder", "merger"), "people": ("employment",), "ip": ("licence", "saas", "services", "construction"),
    "data": ("saas", "services"), "delivery": ("supply", "services", "construction"), "quality": _TRADE, "payment": _TRADE, "liability": (*_TRADE, "lease"),
}  # fmt: skip
"""Kinds of agreements that a clause fits which names none, by theme; the other themes fit all."""
_OWN = {
    "key personnel": _TRADE, "training": _TRADE, "exclusivity territory": ("distribution",), "royalties": ("licence",), "minimum purchase": ("supply", "distribution"),
    "most favoured": ("supply", "services"), "late delivery": ("supply", "construction"), "milestones": ("licence", "services", "construction"),
    "change of control": (*_TRADE, "loan", "shareholder"), "option to purchase": ("licence", "lease"), "termination convenience": _TRADE, "renewal": (*_TRADE, "lease"),
    "non compete": (*_TRADE, "employment"), "expenses": ("services", "employment"), "relationship": _TRADE, "insolvency": (*_TRADE, "lease", "loan"),
    "convenience A": _TRADE, "assignment": (*_TRADE, "loan", "lease"), "steering committee": _TRADE, "hardship": _TRADE, "deposit": (*_TRADE, "lease"),
    "effects of termination": _TRADE, "affiliates assignment": (*_TRADE, "loan"), "ethics": _TRADE, "experts": _TRADE,
}  # fmt: skip


def fits(theme: str, name: str, kinds: tuple[str, ...], kind: str) -> bool:
    """Whether a clause may stand in an agreement of `kind`; `kinds`: those that the clause names itself."""
    if name in _OWN:
        return kind in _OWN[name]
    if kinds and "any" not in kinds:
        return kind in kinds
    return theme not in _FIT or kind in _FIT[theme]


TOPICS = (
    "payment term|payment days two", "notices|notices receipt", "notices|notice address", "amendment|amendment roles", "entire agreement|earlier memorandum",
    "termination convenience|convenience A|notice employment", "termination breach|cure two", "liability cap|cap percent", "confidentiality term|confidentiality marks|survival",
    "warranty|product warranty", "data protection|data breach", "return of information|data return", "support response|support|service level",
    "assignment|affiliates assignment", "royalties|royalty tiers", "milestones|upfront milestones", "steering committee|joint committee|board",
    "rent|lease rent two|fees", "rent|lease use", "deposit|prepaid|purchase price", "late delivery|late delivery penalty two", "acceptance|defects",
    "delivery|completion|packaging risk", "counterparts|governing language copies|language", "loan|loan repayment", "late interest|loan repayment",
    "right of first refusal|transfer of shares", "mediation|deadlock|experts", "key personnel|personnel replacement", "minimum purchase|distribution targets",
    "price change|hardship", "taxes|tax exclusive", "licence|sublicence", "audit|record retention|regulatory", "subcontracting|subprocessor",
    "data location|subprocessor|data return", "insurance|insurance certificate", "milestones|completion", "ip ownership|improvements", "probation|notice employment",
    "expenses|prepaid", "suspension|support", "non compete|exclusivity territory", "term|completion", "operator|board", "compliance|ethics", "retention|deposit",
    "indemnity|indemnity employees", "nda penalty|late delivery", "nda purpose|confidentiality term", "order lead time|invoicing", "rebate|minimum purchase",
    "change of control|drag along", "training|completion", "confidentiality exceptions|permitted recipients", "conditions precedent|regulatory", "quorum|board",
)  # fmt: skip
"""Clauses that may answer one another's questions: one of each stands in a contract, and the others are not asked for."""


def rivals(name: str) -> set[str]:
    """The clauses whose topic is that of `name`."""
    return {other for topic in TOPICS if name in topic.split("|") for other in topic.split("|")} - {name}
