"""Cities, streets and company names of the two countries."""

# city, region, postcode area, relative size
_UK = """
London|Greater London|SE|30
Birmingham|West Midlands|B|12
Manchester|Greater Manchester|M|11
Leeds|West Yorkshire|LS|8
Glasgow|Scotland|G|8
Liverpool|Merseyside|L|6
Sheffield|South Yorkshire|S|6
Bristol|South West England|BS|6
Edinburgh|Scotland|EH|6
Cardiff|Wales|CF|5
Leicester|East Midlands|LE|4
Nottingham|East Midlands|NG|4
Newcastle upon Tyne|North East England|NE|4
Southampton|South East England|SO|3
Brighton|South East England|BN|3
Belfast|Northern Ireland|BT|4
Norwich|East of England|NR|2
Exeter|South West England|EX|2
York|North Yorkshire|YO|2
Aberdeen|Scotland|AB|2
Swansea|Wales|SA|2
Oxford|South East England|OX|2
Cambridge|East of England|CB|2
Inverness|Scotland|IV|1
"""

_RU = """
Москва|Москва|10|30
Санкт-Петербург|Санкт-Петербург|19|16
Новосибирск|Новосибирская область|63|6
Екатеринбург|Свердловская область|62|6
Казань|Республика Татарстан|42|5
Нижний Новгород|Нижегородская область|60|5
Челябинск|Челябинская область|45|4
Самара|Самарская область|44|4
Омск|Омская область|64|4
Ростов-на-Дону|Ростовская область|34|4
Уфа|Республика Башкортостан|45|3
Красноярск|Красноярский край|66|3
Воронеж|Воронежская область|39|3
Пермь|Пермский край|61|3
Волгоград|Волгоградская область|40|2
Краснодар|Краснодарский край|35|3
Саратов|Саратовская область|41|2
Тюмень|Тюменская область|62|2
Ижевск|Удмуртская Республика|42|2
Иркутск|Иркутская область|66|2
Хабаровск|Хабаровский край|68|1
Ярославль|Ярославская область|15|2
Тверь|Тверская область|17|1
Калининград|Калининградская область|23|1
"""

STREETS_UK = tuple(
    f"{name} {kind}"
    for kind, names in (
        ("Road", "Station London Victoria Park Queens Kings Manor Mill Grange Albert"),
        ("Street", "High Church Main Bridge North South George Chapel Market Castle"),
        ("Lane", "Church Back Green Mill Love Honeypot Orchard Moor School Cherry"),
        ("Avenue", "The Springfield Woodland Lime Cedar Chestnut Elm Hawthorn Sycamore Beech"),
        ("Close", "Meadow Rowan Ash Willow Oak Poplar Maple Laurel Holly Hazel"),
    )
    for name in names.split()
)

STREETS_RU = tuple(
    f"{kind} {name}"
    for kind, names in (
        (
            "ул.",
            "Ленина Советская Молодёжная Центральная Школьная Новая Садовая Лесная Набережная "
            "Мира Гагарина Зелёная Пушкина Кирова Октябрьская Комсомольская Первомайская Чехова "
            "Чапаева Полевая Луговая Горького Лермонтова Тургенева Некрасова Строителей",
        ),
        ("пр-т", "Победы Космонавтов Московский Невский Ленинский Металлургов"),
        ("пер.", "Садовый Тихий Речной Почтовый Больничный Школьный"),
        ("б-р", "Цветной Гоголевский Строителей Юности"),
    )
    for name in names.split()
)

_COMPANY_WORDS_UK = """
Albion Beacon Compass Dovetail Everest Foxglove Granite Harbour Ivory Juniper Kestrel
Lantern Meridian Northgate Oakfield Pinnacle Quarry Redwood Sterling Thistle Union Vanguard
Westbrook Yardarm Ashdown Bluebell Clifton Dunelm Eastgate Fairway
"""
COMPANY_WORDS_UK = tuple(_COMPANY_WORDS_UK.split())
COMPANY_TRADES_UK = ("Trading", "Logistics", "Interiors", "Foods", "Engineering", "Design")
_COMPANY_WORDS_RU = """
Альтаир Берег Вектор Горизонт Диалог Евразия Заря Изумруд Космос Луч Маяк Нева Орион Парус
Родник Север Титан Урал Феникс Центр Эверест Юность Янтарь Азимут Баланс Восход Гранит
Дельта Контур Меридиан
"""
COMPANY_WORDS_RU = tuple(_COMPANY_WORDS_RU.split())
COMPANY_TRADES_RU = ("Трейд", "Логистик", "Мебель", "Продукт", "Инжиниринг", "Дизайн")


def _parse(text: str) -> tuple[list[str], list[str], list[str], list[int]]:
    rows = [line.split("|") for line in text.strip().splitlines()]
    cities, regions, codes, weights = zip(*rows, strict=True)
    return list(cities), list(regions), list(codes), [int(weight) for weight in weights]


UK_CITY, UK_REGION, UK_CODE, UK_WEIGHT = _parse(_UK)
RU_CITY, RU_REGION, RU_CODE, RU_WEIGHT = _parse(_RU)
