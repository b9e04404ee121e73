"""Tasks on places: capitals, continents, currencies, rivers, landmarks, states of the USA.

Left out on purpose: countries with several capitals or on two continents, and currencies or
rivers whose owner is open to dispute.
"""

from actors.examiner.bank.task import Task, both_ways, facts, members, one_way, together

_CAPITALS_BY_REGION = (
    facts("""
        France: Paris | Spain: Madrid | Portugal: Lisbon | Italy: Rome | Germany: Berlin
        Austria: Vienna | Poland: Warsaw | Hungary: Budapest | Romania: Bucharest | Bulgaria: Sofia
        Greece: Athens | Norway: Oslo | Sweden: Stockholm | Finland: Helsinki | Denmark: Copenhagen
        Ireland: Dublin | Iceland: Reykjavik | Croatia: Zagreb | Serbia: Belgrade | Ukraine: Kyiv
        Latvia: Riga | Lithuania: Vilnius | Estonia: Tallinn | Slovakia: Bratislava
        Slovenia: Ljubljana | Albania: Tirana | Belgium: Brussels | Malta: Valletta
    """),
    facts("""
        Japan: Tokyo | China: Beijing | India: New Delhi | Thailand: Bangkok | Vietnam: Hanoi
        Mongolia: Ulaanbaatar | Nepal: Kathmandu | Bangladesh: Dhaka | Pakistan: Islamabad
        Iran: Tehran | Iraq: Baghdad | Jordan: Amman | Lebanon: Beirut | Saudi Arabia: Riyadh
        Qatar: Doha | Cambodia: Phnom Penh | Laos: Vientiane | the Philippines: Manila
        Uzbekistan: Tashkent | South Korea: Seoul
    """),
    facts("""
        Egypt: Cairo | Kenya: Nairobi | Ethiopia: Addis Ababa | Ghana: Accra | Nigeria: Abuja
        Senegal: Dakar | Morocco: Rabat | Uganda: Kampala | Rwanda: Kigali | Zambia: Lusaka
        Zimbabwe: Harare | Angola: Luanda | Namibia: Windhoek | Botswana: Gaborone | Mali: Bamako
        Sudan: Khartoum | Somalia: Mogadishu | Madagascar: Antananarivo
    """),
    facts("""
        Canada: Ottawa | Cuba: Havana | Peru: Lima | Argentina: Buenos Aires | Brazil: Brasília
        Colombia: Bogotá | Venezuela: Caracas | Ecuador: Quito | Uruguay: Montevideo
        Paraguay: Asunción | Jamaica: Kingston | Haiti: Port-au-Prince | Costa Rica: San José
        Honduras: Tegucigalpa | Nicaragua: Managua
    """),
)
_CONTINENTS = members("""
    Africa: Kenya, Nigeria, Morocco, Ghana, Angola, Zambia, Chad, Mali, Tunisia, Uganda, Niger,
        Gabon, Senegal, Botswana, Ethiopia, Togo
    Asia: Japan, Mongolia, Nepal, Vietnam, Laos, Iraq, Thailand, Bhutan, Pakistan, Jordan, Cambodia,
        Myanmar, Afghanistan, Bangladesh, Oman, Turkmenistan
    Europe: Portugal, Poland, Belgium, Estonia, Hungary, Ireland, Moldova, Serbia, Finland,
        Slovakia, Austria, Albania, Luxembourg, Liechtenstein
    North America: Mexico, Canada, Cuba, Honduras, Guatemala, Costa Rica, Jamaica, Haiti, Belize,
        El Salvador
    South America: Peru, Bolivia, Chile, Uruguay, Paraguay, Ecuador, Guyana, Suriname, Brazil,
        Argentina, Colombia
""")
_CURRENCIES = facts("""
    China: yuan | Japan: yen | India: rupee | Russia: rouble | Brazil: real | South Africa: rand
    Poland: złoty | Hungary: forint | Czechia: koruna | Sweden: krona | Turkey: lira
    Thailand: baht | Vietnam: dong | South Korea: won | Israel: shekel | Ukraine: hryvnia
    Indonesia: rupiah | Malaysia: ringgit | Mexico: peso | Bangladesh: taka | Mongolia: tögrög
    Nigeria: naira | Ghana: cedi | Kenya: shilling | Ethiopia: birr | Morocco: dirham | Iran: rial
    Kuwait: dinar | Peru: sol | Guatemala: quetzal | Costa Rica: colón | Honduras: lempira
    Paraguay: guaraní | Zambia: kwacha | Angola: kwanza | Botswana: pula | Georgia: lari
    Armenia: dram | Albania: lek | Romania: leu | Denmark: krone | Germany: euro
    the United States: dollar | the United Kingdom: pound | Kazakhstan: tenge | Laos: kip
    Switzerland: franc
""")
_RIVERS = facts("""
    London: Thames | Paris: Seine | Cairo: Nile | Vienna: Danube | Budapest: Danube
    Belgrade: Danube | Rome: Tiber | Florence: Arno | Cologne: Rhine | Basel: Rhine | Hamburg: Elbe
    Dresden: Elbe | Warsaw: Vistula | Kraków: Vistula | Lisbon: Tagus | Porto: Douro
    Prague: Vltava | Dublin: Liffey | Baghdad: Tigris | New Orleans: Mississippi
    Montreal: Saint Lawrence | Washington, D.C.: Potomac | Bangkok: Chao Phraya | Wuhan: Yangtze
    Varanasi: Ganges | Vientiane: Mekong | Kyiv: Dnieper | Moscow: Moskva | Saint Petersburg: Neva
    Seville: Guadalquivir | Zaragoza: Ebro | Bordeaux: Garonne | Turin: Po | Heidelberg: Neckar
    Liverpool: Mersey | Glasgow: Clyde | Cardiff: Taff | Melbourne: Yarra | Iquitos: Amazon
    Kinshasa: Congo | Seoul: Han | Bristol: Avon | York: Ouse | Volgograd: Volga | Riga: Daugava
    Munich: Isar | Bremen: Weser | Antwerp: Scheldt | Agra: Yamuna | Omsk: Irtysh
""")
_LANDMARKS = members("""
    France: the Eiffel Tower, the Louvre, the Palace of Versailles, Mont-Saint-Michel
    Italy: the Colosseum, the Leaning Tower of Pisa, Pompeii, the Trevi Fountain
    Spain: the Alhambra, the Sagrada Família, the Prado Museum
    Greece: the Parthenon, Mount Olympus, the sanctuary of Delphi
    Germany: the Brandenburg Gate, Neuschwanstein Castle, Cologne Cathedral
    the United Kingdom: Stonehenge, Big Ben, Edinburgh Castle, the Giant's Causeway
    Austria: Schönbrunn Palace, the Hofburg
    Russia: the Kremlin, the Hermitage Museum, Saint Basil's Cathedral
    Turkey: Hagia Sophia, the Blue Mosque, Topkapi Palace
    Egypt: the Great Sphinx, the temples of Abu Simbel, the Valley of the Kings
    Jordan: the ruins of Petra
    India: the Taj Mahal, the Golden Temple, the Hawa Mahal
    China: the Forbidden City, the Terracotta Army, the Potala Palace
    Japan: Mount Fuji, the Golden Pavilion, Himeji Castle
    Cambodia: Angkor Wat
    Indonesia: the temple of Borobudur, the island of Bali
    Australia: Uluru, the Great Barrier Reef, the Sydney Opera House
    the United States: Mount Rushmore, the Golden Gate Bridge, the Statue of Liberty,
        the Lincoln Memorial
    Canada: the CN Tower, Banff National Park
    Mexico: Chichen Itza, the pyramids of Teotihuacan
    Peru: Machu Picchu, the Nazca Lines
    Chile: the moai of Easter Island, the Torres del Paine
    Brazil: Christ the Redeemer, Sugarloaf Mountain
    Tanzania: Mount Kilimanjaro, the island of Zanzibar
    South Africa: Table Mountain, Robben Island
    the Czech Republic: Charles Bridge, Prague Castle
    Denmark: the Little Mermaid statue, Tivoli Gardens
    the Netherlands: the Rijksmuseum, the Anne Frank House
    Portugal: the Belém Tower
    Ireland: the Cliffs of Moher, the Rock of Cashel
    the United Arab Emirates: the Burj Khalifa
    Iran: the ruins of Persepolis
    Malaysia: the Petronas Towers
""")
_STATES = facts("""
    Alabama: Montgomery | Alaska: Juneau | Arizona: Phoenix | Arkansas: Little Rock
    California: Sacramento | Colorado: Denver | Connecticut: Hartford | Delaware: Dover
    Florida: Tallahassee | Georgia: Atlanta | Hawaii: Honolulu | Idaho: Boise
    Illinois: Springfield | Iowa: Des Moines | Kansas: Topeka | Kentucky: Frankfort
    Louisiana: Baton Rouge | Maine: Augusta | Maryland: Annapolis | Massachusetts: Boston
    Michigan: Lansing | Minnesota: Saint Paul | Mississippi: Jackson | Missouri: Jefferson City
    Montana: Helena | Nebraska: Lincoln | Nevada: Carson City | New Hampshire: Concord
    New Jersey: Trenton | New Mexico: Santa Fe | New York: Albany | North Carolina: Raleigh
    North Dakota: Bismarck | Ohio: Columbus | Oregon: Salem | Pennsylvania: Harrisburg
    Rhode Island: Providence | South Carolina: Columbia | South Dakota: Pierre
    Tennessee: Nashville | Texas: Austin | Utah: Salt Lake City | Vermont: Montpelier
    Virginia: Richmond | Washington: Olympia | West Virginia: Charleston | Wisconsin: Madison
    Wyoming: Cheyenne
""")


TASKS = (
    Task(
        "capitals",
        ("geography", "capital city", "country", "world", "cities"),
        together(
            *(
                # Within a region, so that the wrong options are near misses.
                both_ways(
                    region, "What is the capital of {}?", "{} is the capital of what country?"
                )
                for region in _CAPITALS_BY_REGION
            )
        ),
    ),
    Task(
        "continents",
        ("geography", "continent", "country", "world map", "regions"),
        one_way(_CONTINENTS, "On which continent does {} lie?"),
    ),
    Task(
        "currencies",
        ("currency", "money", "country", "exchange", "geography"),
        both_ways(
            _CURRENCIES,
            "What is the national currency of {} called?",
            "In which of these countries is the national currency called {}?",
        ),
    ),
    Task(
        "rivers_and_cities",
        ("river", "city", "geography", "waterway", "location"),
        both_ways(
            _RIVERS,
            "Which of these rivers does {} lie on?",
            "Which of these cities lies on the river {}?",
        ),
    ),
    Task(
        "landmarks",
        ("landmark", "monument", "sightseeing", "country", "architecture"),
        one_way(_LANDMARKS, "In which country can one visit {}?"),
    ),
    Task(
        "us_states",
        ("united states", "state capital", "geography", "cities", "america"),
        both_ways(
            _STATES,
            "Which city is the capital of the US state of {}?",
            "Of which US state is {} the capital?",
        ),
    ),
)
