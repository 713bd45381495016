"""Names of statutes, courts and other papers: what stands beside "Section 409A" when it is not one of ours."""

from __future__ import annotations

import re

# Right before a reference: "17 U.S.C. § 101", "Securities Act Section 5", "Cal. Civ. Code § 1542".
LAW_BEFORE = re.compile(
    r"(?:U\.?\s?S\.?\s?C\.?(?:\s?A\.?)?|C\.?\s?F\.?\s?R\.?|Code|Act|Regulations?|Regs?\.|Laws?|Statutes?|Stat\.|ERISA|"
    r"Directive|Convention|Treaty|Constitution|GDPR|DSGVO|UCC|U\.C\.C\.|FCPA|FDCA|HIPAA|Rules?|Ordinance|Decree)"
    r"(?:\s\(\w{1,12}\))?(?:\sof\s\d{4})?,?\s{0,3}$"
)
# Right after it: "§ 433 BGB", "Article 6 GDPR", "Article 101 TFEU".
ACRONYMS = frozenset((
    "GDPR", "TFEU", "TEU", "ECHR", "UCC", "ERISA", "FCPA", "FDCA", "HIPAA", "TUPE", "FSMA", "DGCL", "CISG", "RGPD",
    "BGB", "HGB", "UWG", "ZPO", "StGB", "StPO", "AktG", "GmbHG", "DSGVO", "DS-GVO", "BDSG", "UStG", "EStG", "InsO",
    "UrhG", "MarkenG", "PatG", "GWB", "AGG", "BetrKV", "ProdHaftG", "KSchG", "ArbZG", "BetrVG", "GG", "OR", "ZGB",
    "ABGB", "UGB", "FMIA", "FINMASA", "AO", "BUrlG", "TzBfG", "EFZG", "NachwG", "GeschGehG", "VVG", "BörsG",
))  # fmt: skip
# The last word of a capitalised name that is a law or a body of law, not a defined term.
LAW_WORDS = frozenset((
    "Act", "Acts", "Code", "Codes", "Law", "Laws", "Statute", "Statutes", "Regulation", "Regulations", "Directive",
    "Convention", "Treaty", "Constitution", "Ordinance", "Decree", "Rules", "Order", "Amendment", "Stat", "Rule",
))  # fmt: skip
# Words that make a capitalised phrase the name of a body, an office or a place.
NAME_WORDS = frozenset((
    "Association", "Commission", "Agency", "Administration", "Court", "Courts", "Department", "Office", "Institute",
    "Ministry", "Authority", "Council", "Bureau", "University", "Exchange", "Union", "Chamber", "Committee", "House",
    "Congress", "Parliament", "Senate", "Republic", "Kingdom", "States", "State", "City", "County", "District",
    "Province", "Commonwealth", "Street", "Avenue", "Road", "Boulevard", "Park", "Bank", "Foundation", "Society",
    "Organization", "Organisation", "School", "College", "Hospital", "Church", "River", "Island", "Islands", "Nations",
    "President", "Secretary", "Treasurer", "Director", "Directors", "Officer", "Officers", "Chairman", "Manager",
    "Counsel", "Attorney", "Judge", "Minister", "Governor", "Mayor", "Sheriff", "Clerk", "Registrar", "Registry",
    "Company", "Companies", "Corporation", "Inc", "LLC", "Ltd", "Limited", "Corp", "LP", "LLP", "PLC", "GmbH", "AG",
    "Tribunal", "Board", "Government", "Crown", "Reserve", "Treasury", "Standards", "Journal", "Times", "Gazette",
    "Book", "Index", "Register",
))  # fmt: skip
# Capitalised by custom, not because a contract defines them.
COMMON = frozenset((
    "Agreement", "Contract", "Section", "Sections", "Article", "Articles", "Clause", "Clauses", "Paragraph",
    "Paragraphs", "Subsection", "Exhibit", "Exhibits", "Schedule", "Schedules", "Annex", "Annexes", "Appendix",
    "Appendices", "Attachment", "Attachments", "Part", "Parts", "Recital", "Recitals", "Party", "Parties", "Chapter",
    "Title", "Page", "Table", "Figure", "Item", "Addendum", "Amendment", "Preamble", "January", "February", "March",
    "April", "May", "June", "July", "August", "September", "October", "November", "December", "Monday", "Tuesday",
    "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Internet", "English", "German", "French", "American",
    "European", "British", "Dollars", "Dollar", "Euro", "Euros", "Pounds", "Sterling", "Effective", "Christmas",
    "Easter", "God", "Web", "World", "North", "South", "East", "West", "Mr", "Ms", "Mrs", "Dr", "I", "Whereas",
    "Witness", "Federal", "National", "International", "Uniform", "Public", "Gross", "Net", "Greenwich", "Swiss",
    "United", "U", "S", "Delaware", "York", "California", "Texas", "Illinois", "England", "Wales", "London", "Paris",
    "Germany", "France", "Europe", "America", "Ireland", "Scotland", "Florida", "Nevada", "Washington", "Boston",
))  # fmt: skip
