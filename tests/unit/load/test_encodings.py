"""Encodings: names of many languages, written in the code pages of old systems and read back."""

import json

import pytest

from dagster_project.load.reading.code_pages import LANGUAGES, guess_code_page

NAMES = {
    "polish": [
        "Łukasz Wiśniewski",
        "Małgorzata Dąbrowska",
        "Zażółć Gęślą",
        "Kraków",
        "Łódź",
        "Józef Śliwiński",
        "Paweł Żak",
        "Grażyna Pająk",
        "Stanisław Król",
        "Bożena Wójcik",
    ],
    "czech": [
        "Jiří Dvořák",
        "Tomáš Růžička",
        "Kateřina Šťastná",
        "Plzeň",
        "České Budějovice",
        "Zdeněk Přibyl",
        "Věra Nováková",
        "Ondřej Žižka",
    ],
    "hungarian": [
        "Győző Szűcs",
        "Tündér Kőrösi",
        "Székesfehérvár",
        "Gergő Tóth",
        "Ildikó Fülöp",
        "László Nagy",
    ],
    "romanian": [
        "Ştefan Ionescu",
        "Mădălina Pârvu",
        "Iaşi",
        "Bucureşti",
        "Ţepeş Vlad",
        "Cătălin Băsescu",
    ],
    "german": [
        "Jürgen Müller",
        "Björn Groß",
        "Käthe Schröder",
        "Köln",
        "München",
        "Günther Weiß",
        "Jörg Bäcker",
    ],
    "french": [
        "François Lefèvre",
        "Hélène Côté",
        "Gaëlle Béranger",
        "Orléans",
        "Zoé Dupré",
        "Benoît Guérin",
    ],
    "spanish": ["José Muñoz", "Íñigo Núñez", "María García", "Málaga", "Begoña Ibáñez"],
    "portuguese": ["João Gonçalves", "Conceição Araújo", "São Paulo", "Antônio Simões"],
    "swedish": ["Åsa Öberg", "Göran Sjöström", "Märta Åkesson", "Malmö"],
    "danish": ["Søren Kjær", "Åse Østergård", "Bjørn Næss"],
    "turkish": ["Şükrü Yıldız", "Gülşah Çağlar", "İstanbul", "Ömer Işık", "Tuğba Özgür"],
    "greek": ["Γιώργος Παπαδόπουλος", "Ελένη Νικολάου", "Αθήνα", "Θεσσαλονίκη", "Δημήτρης Αγγελής"],
    "russian": [
        "Иван Сидоров",
        "Ольга Петрова",
        "Санкт-Петербург",
        "Юлия Щербакова",
        "Фёдор Кузнецов",
        "Екатерина Васильева",
    ],
    "ukrainian": [
        "Олександр Шевченко",
        "Наталія Їжакевич",
        "Київ",
        "Євген Ґонта",
        "Ірина Ковальчук",
    ],
    "bulgarian": ["Георги Димитров", "Пламен Йорданов", "Стефка Цветкова"],
    "lithuanian": [
        "Jūratė Žemaitė",
        "Šarūnas Kazlauskas",
        "Vilnius Žvėrynas",
        "Gintautė Bučinskaitė",
    ],
    "latvian": ["Jānis Bērziņš", "Zane Kļaviņa", "Rēzekne", "Līga Ozoliņa"],
    "hebrew": ["שרה כהן", "דוד לוי", "תל אביב"],
    "arabic": ["محمد أحمد", "فاطمة الزهراء", "القاهرة"],
    "croatian": ["Željko Čović", "Đurđa Šimić", "Šibenik"],
    "slovak": ["Ľubomír Ďurčík", "Žofia Kováčová", "Nové Mesto nad Váhom", "Štefan Vlček"],
}
PAGES = {
    "polish": ("cp1250", "iso8859_2", "cp852"),
    "czech": ("cp1250", "iso8859_2", "cp852"),
    "hungarian": ("cp1250", "iso8859_2", "cp852"),
    "romanian": ("cp1250", "iso8859_2"),
    "german": ("cp1252", "cp850", "mac_roman"),
    "french": ("cp1252", "cp850", "mac_roman"),
    "spanish": ("cp1252",),
    "portuguese": ("cp1252",),
    "swedish": ("cp1252",),
    "danish": ("cp1252",),
    "turkish": ("cp1254", "cp857"),
    "greek": ("cp1253",),
    "russian": ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic"),
    "ukrainian": ("cp1251", "koi8_u"),
    "bulgarian": ("cp1251",),
    "lithuanian": ("cp1257",),
    "latvian": ("cp1257",),
    "hebrew": ("cp1255",),
    "arabic": ("cp1256",),
    "croatian": ("cp1250",),
    "slovak": ("cp1250", "cp852"),
}
WRITTEN = [(language, page) for language, pages in PAGES.items() for page in pages]


@pytest.mark.parametrize(("language", "page"), WRITTEN)
def test_names_are_read_as_they_were_written(language: str, page: str):
    """133 of 200 customers have a superscript in their name, and no letter finds them."""
    text = "\n".join(NAMES[language])
    guess = guess_code_page(text.encode(page))
    assert guess is not None
    assert text.encode(page).decode(guess.encoding) == text, guess
    assert guess.confidence > 0.95


@pytest.mark.parametrize(("language", "page"), WRITTEN)
def test_what_is_sure_is_right(language: str, page: str):
    """A file of three names is garbled, and the load says that it is sure of it."""
    for size in (1, 2, 3):
        for start in range(0, len(NAMES[language]), size):
            text = ", ".join(NAMES[language][start : start + size])
            if text.isascii():
                continue
            guess = guess_code_page(text.encode(page))
            assert guess is not None
            is_right = text.encode(page).decode(guess.encoding) == text
            assert is_right or guess.is_doubtful, (text, guess)


def test_every_language_is_tried():
    """A language's letters are listed with a slip, and its names are garbled."""
    pages = {page for pages in PAGES.values() for page in pages}
    assert {page for _, (page, *_) in LANGUAGES.values()} <= pages
    for letters, _ in LANGUAGES.values():
        assert len(set(letters)) == len(letters)


def test_the_country_of_a_source_decides_between_equals():
    """One word says too little, and the country that the source declares is not asked."""
    word = "Antônio Simões".encode("cp1252")
    assert guess_code_page(word, "PT").encoding == "cp1252"
    assert not guess_code_page(word, "PT").is_doubtful


@pytest.mark.parametrize(
    ("language", "page"), [("polish", "cp1250"), ("russian", "koi8_r"), ("turkish", "cp1254")]
)
def test_a_file_is_read_and_its_encoding_recorded(landing, language: str, page: str):
    """Nobody can tell afterwards how a file was read."""
    rows = "".join(f"{n},{name}\n" for n, name in enumerate(NAMES[language]))
    landing.put("crm/contacts.csv", ("contact_id,full_name\n" + rows).encode(page))
    landing.load()
    assert landing.query("SELECT full_name FROM crm.contacts ORDER BY contact_id") == [
        (name,) for name in NAMES[language]
    ]
    [(reading,)] = landing.query("SELECT reading FROM ledger.files")
    kept = json.loads(reading)
    assert (kept["encoding"], kept["encoding_language"]) == (page, language.title())
    assert kept["encoding_confidence"] > 0.95
    assert landing.query("SELECT * FROM ledger.schema_events") == []


def test_a_doubtful_encoding_is_told_with_the_setting_to_write(landing):
    """Three names are garbled in silence."""
    landing.put("crm/contacts.csv", "contact_id,city\n1,Plzeň\n".encode("cp852"))
    landing.load()
    [(kind, message)] = landing.query("SELECT kind, message FROM ledger.schema_events")
    assert kind == "encoding_doubtful"
    assert "encoding: cp1252" in message
    assert "Plze" not in message


@pytest.mark.parametrize("names", [NAMES["german"], ["Анна", "Пётр", "Жанна"], ["田中", "鈴木"]])
@pytest.mark.parametrize("place", [0, -1])
def test_one_bad_byte_makes_no_other_encoding(landing, names: list[str], place: int):
    """One damaged letter in a million records of UTF-8 turns every name into nonsense, unsaid."""
    rows = [f"{number},{name}\n".encode() for number, name in enumerate(names)]
    rows.insert(place % len(rows), b"x,caf\xe9\n")
    landing.put("shop/accounts.csv", b"account_id,first_name\n" + b"".join(rows))
    summary = landing.load()
    assert (summary.accepted, summary.quarantined) == (len(names), 1)
    assert landing.query("SELECT reason FROM ledger.quarantine") == [("undecodable",)]
    found = landing.query("SELECT first_name FROM shop.accounts")
    assert {name for (name,) in found} == set(names)
