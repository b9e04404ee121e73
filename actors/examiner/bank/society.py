"""Tasks on what people made: history, books, art, music, sport, computing, economics, law."""

import random

from actors.examiner.bank.task import (
    Draft,
    Task,
    both_ways,
    each,
    facts,
    generated,
    members,
    numeric,
    one_way,
    together,
)

_EVENTS = facts("""
    the Norman conquest of England: 1066 | the sealing of Magna Carta: 1215
    the fall of Constantinople to the Ottomans: 1453 | the first voyage of Columbus to America: 1492
    the posting of Luther's 95 theses: 1517 | the defeat of the Spanish Armada: 1588
    the start of the Thirty Years' War: 1618 | the Great Fire of London: 1666
    the American Declaration of Independence: 1776 | the storming of the Bastille: 1789
    Napoleon's coronation as emperor: 1804 | the Battle of Trafalgar: 1805
    the Battle of Waterloo: 1815 | Queen Victoria's accession to the throne: 1837
    the start of the American Civil War: 1861 | the assassination of Abraham Lincoln: 1865
    the opening of the Suez Canal: 1869 | the foundation of the German Empire: 1871
    the first modern Olympic Games: 1896 | the Wright brothers' first powered flight: 1903
    the sinking of the Titanic: 1912 | the start of the First World War: 1914
    the October Revolution in Russia: 1917 | the Treaty of Versailles: 1919
    the Wall Street Crash: 1929 | the start of the Second World War in Europe: 1939
    the Allied landings in Normandy: 1944 | the founding of the United Nations: 1945
    the independence of India: 1947 | the coronation of Elizabeth II: 1953
    the launch of Sputnik 1: 1957 | the building of the Berlin Wall: 1961
    the assassination of John F. Kennedy: 1963 | the first Moon landing: 1969
    the resignation of Richard Nixon: 1974 | the Chernobyl disaster: 1986
    the fall of the Berlin Wall: 1989 | the dissolution of the Soviet Union: 1991
    Nelson Mandela's election as president: 1994 | the death of Princess Diana: 1997
""")
_AUTHORS = facts("""
    Hamlet: William Shakespeare | Pride and Prejudice: Jane Austen | Moby-Dick: Herman Melville
    Oliver Twist: Charles Dickens | War and Peace: Leo Tolstoy | Don Quixote: Miguel de Cervantes
    Crime and Punishment: Fyodor Dostoevsky | Les Misérables: Victor Hugo
    Madame Bovary: Gustave Flaubert | Faust: Johann Wolfgang von Goethe
    The Divine Comedy: Dante Alighieri | The Odyssey: Homer | The Aeneid: Virgil
    The Canterbury Tales: Geoffrey Chaucer | Paradise Lost: John Milton | Frankenstein: Mary Shelley
    Dracula: Bram Stoker | Jane Eyre: Charlotte Brontë | Wuthering Heights: Emily Brontë
    Middlemarch: George Eliot | Ulysses: James Joyce | Mrs Dalloway: Virginia Woolf
    The Great Gatsby: F. Scott Fitzgerald | The Grapes of Wrath: John Steinbeck
    The Old Man and the Sea: Ernest Hemingway | The Catcher in the Rye: J. D. Salinger
    To Kill a Mockingbird: Harper Lee | Nineteen Eighty-Four: George Orwell
    Brave New World: Aldous Huxley | Lord of the Flies: William Golding
    The Hobbit: J. R. R. Tolkien | The Metamorphosis: Franz Kafka | The Magic Mountain: Thomas Mann
    The Stranger: Albert Camus | One Hundred Years of Solitude: Gabriel García Márquez
    The Adventures of Tom Sawyer: Mark Twain | The Picture of Dorian Gray: Oscar Wilde
    Treasure Island: Robert Louis Stevenson | The Time Machine: H. G. Wells
    Things Fall Apart: Chinua Achebe | The Scarlet Letter: Nathaniel Hawthorne
""")
_ARTISTS = facts("""
    the Mona Lisa: Leonardo da Vinci | The Starry Night: Vincent van Gogh
    The Night Watch: Rembrandt | Girl with a Pearl Earring: Johannes Vermeer
    Guernica: Pablo Picasso | The Persistence of Memory: Salvador Dalí | The Scream: Edvard Munch
    The Birth of Venus: Sandro Botticelli | the ceiling of the Sistine Chapel: Michelangelo
    The Kiss (1908): Gustav Klimt | Las Meninas: Diego Velázquez
    The Third of May 1808: Francisco Goya | American Gothic: Grant Wood | Nighthawks: Edward Hopper
    Liberty Leading the People: Eugène Delacroix | The Great Wave off Kanagawa: Hokusai
    Impression, Sunrise: Claude Monet | The Garden of Earthly Delights: Hieronymus Bosch
    The School of Athens: Raphael | Olympia: Édouard Manet | The Hay Wain: John Constable
    The Fighting Temeraire: J. M. W. Turner | Campbell's Soup Cans: Andy Warhol
    Whistler's Mother: James McNeill Whistler
    Wanderer above the Sea of Fog: Caspar David Friedrich | The Death of Marat: Jacques-Louis David
    The Two Fridas: Frida Kahlo | The Son of Man: René Magritte
    The Arnolfini Portrait: Jan van Eyck | The Hunters in the Snow: Pieter Bruegel the Elder
    A Sunday Afternoon on the Island of La Grande Jatte: Georges Seurat
    Luncheon of the Boating Party: Pierre-Auguste Renoir
""")
_INSTRUMENTS = members("""
    strings: violin, viola, cello, double bass, harp, guitar, banjo, lute, mandolin
    woodwind: flute, clarinet, oboe, bassoon, piccolo, saxophone, recorder, cor anglais
    brass: trumpet, trombone, tuba, French horn, cornet, bugle, euphonium
    percussion: timpani, triangle, tambourine, snare drum, xylophone, cymbals, castanets, gong
""")
_MUSIC_TERMS = facts("""
    forte: loudly | piano: softly | crescendo: growing gradually louder
    diminuendo: growing gradually softer | allegro: at a lively, fast speed
    andante: at a walking speed | adagio: slowly | presto: very fast | legato: smoothly joined
    staccato: short and detached | pizzicato: plucked with the fingers | da capo: from the beginning
    a cappella: without instruments | tutti: all together | accelerando: growing gradually faster
    fermata: holding a note as long as one likes | arpeggio: the notes of a chord one after another
    tremolo: with a trembling repetition
""")
_SPORTS = members("""
    tennis: a tie-break after six games all, the Davis Cup, a score of forty-love
    badminton: a shuttlecock, the Thomas Cup
    volleyball: a libero, spiking the ball over the net
    basketball: a slam dunk, the 24-second shot clock, a point guard, a layup
    association football: an offside trap, the Ballon d'Or, a corner kick
    rugby union: a scrum half, a drop goal, the Webb Ellis Cup, a line-out, a try of five points
    American football: a quarterback, the Super Bowl, a touchdown of six points
    ice hockey: a puck, the Stanley Cup, a Zamboni machine
    curling: sweeping the ice ahead of a stone
    baseball: a shortstop, a home run, a pitcher's mound, the World Series, a bullpen
    cricket: a googly, a wicketkeeper, the Ashes, an over of six balls, leg before wicket
    golf: a birdie, a bogey, a caddie, the Ryder Cup, a bunker shot with a wedge
    bowling: ten pins, a perfect score of 300
    snooker: a break of 147, potting the pink, fifteen reds
    darts: a treble twenty, a bullseye worth fifty points
    chess: castling, a pawn promotion, capturing en passant
    fencing: an épée, a riposte, a foil with a button tip
    boxing: an uppercut, a knockout count of ten, the bantamweight title
    judo: an ippon
    athletics: a triple jump, a javelin, a decathlon
    gymnastics: a pommel horse, parallel bars, a balance beam
    swimming: the butterfly stroke, a tumble turn, the individual medley
    rowing: a coxswain, a sculling boat, the Boat Race of Oxford and Cambridge
    cycling: a peloton, a yellow jersey, a velodrome
""")
_COMPUTING = facts("""
    CPU: central processing unit | RAM: random-access memory | ROM: read-only memory
    GPU: graphics processing unit | URL: uniform resource locator | HTML: hypertext markup language
    HTTP: hypertext transfer protocol | LAN: local area network | DNS: domain name system
    USB: universal serial bus | SQL: structured query language
    API: application programming interface | IDE: integrated development environment
    SSD: solid-state drive | OS: operating system | VPN: virtual private network
    FTP: file transfer protocol | JSON: JavaScript object notation | CSS: cascading style sheets
    LED: light-emitting diode | BIOS: basic input/output system | FIFO: first in, first out
    ASCII: American standard code for information interchange | TCP: transmission control protocol
    UDP: user datagram protocol | compiler: a program that translates source code to machine code
    firewall: a filter of network traffic | router: a device that forwards packets between networks
    cache: a small fast store for data used often | recursion: a function calling itself
    stack: a structure whose last item in is the first out
    encryption: making data unreadable without a key | bug: an error in a program
    pixel: the smallest dot of a screen image | cookie: data a website stores in the browser
    deadlock: processes waiting for each other forever | bit: a digit that is 0 or 1
    open source: software whose code anyone may read and change
""")
_EXTENSIONS = facts("""
    .py: Python source code | .java: Java source code | .js: JavaScript source code
    .rs: Rust source code | .go: Go source code | .rb: Ruby source code | .cpp: C++ source code
    .cs: C# source code | .ts: TypeScript source code | .kt: Kotlin source code | .html: a web page
    .css: a style sheet for web pages | .sh: a Unix shell script
    .md: a text marked up with Markdown | .tex: a LaTeX document | .docx: a Word document
    .xlsx: an Excel workbook | .pptx: a PowerPoint presentation | .odt: an OpenDocument text
    .csv: comma-separated values | .tsv: tab-separated values
    .json: data in JavaScript object notation | .jpg: a photo with lossy compression
    .png: a portable network graphics image | .svg: a scalable vector drawing
    .gif: an image that may hold a short looped animation | .mp3: audio with lossy MPEG compression
    .flac: audio with lossless compression | .mid: notes for electronic instruments
    .mkv: a Matroska video | .zip: a ZIP archive | .tar: an uncompressed tape archive
    .exe: a Windows program | .apk: an Android app package | .iso: the image of an optical disc
    .ttf: a TrueType font | .ics: calendar events | .epub: an electronic book
    .ipynb: a Jupyter notebook
""")
_ECONOMICS = facts("""
    inflation: a general rise of prices | deflation: a general fall of prices
    recession: a marked decline of economic activity | monopoly: a market with a single seller
    monopsony: a market with a single buyer | oligopoly: a market with few sellers
    tariff: a tax on imports | subsidy: a payment by the state that supports a producer
    dividend: a share of a company's profit paid to its owners
    bond: a tradable loan to a company or state | share: a part of the ownership of a company
    interest: the price of borrowing money | budget deficit: spending above income
    trade surplus: exports above imports | opportunity cost: the value of the best choice forgone
    marginal cost: the cost of one more unit | elasticity: how strongly demand reacts to price
    gross domestic product: the value of all a country produces in a year
    bankruptcy: the legal state of being unable to pay debts
    mortgage: a loan secured on a house or land | liquidity: ease of turning assets into cash
    barter: trade without money | collateral: property pledged for a loan
    devaluation: a lowering of a currency's official exchange rate
    public good: a good that all can use and none be kept from
    externality: an effect on people outside a deal
    comparative advantage: a lower relative cost than a partner's
    moral hazard: taking more risk because others bear the loss
    stagflation: rising prices in a stagnant economy
    cartel: a pact of rivals to keep prices high | merger: the joining of two firms into one
    depreciation: the loss of value of equipment over time | embargo: a ban on trade with a country
    entrepreneur: a person who starts a business
""")
_LAW = facts("""
    plaintiff: the person who brings a lawsuit | defendant: the person who is sued or accused
    verdict: the decision of a jury | perjury: lying under oath
    alibi: proof of having been elsewhere | bail: money for release before trial
    felony: a serious crime | misdemeanour: a minor crime | libel: defamation in writing
    slander: defamation in speech | arson: setting property on fire on purpose
    burglary: entering a building to commit a crime
    embezzlement: stealing money one was trusted with
    manslaughter: killing a person without intent to murder | treason: betraying one's country
    forgery: making a false document | bribery: paying an official for a favour
    extortion: getting money by threats | subpoena: an order to appear in court
    acquittal: a finding of not guilty | parole: early release from prison under conditions
    testator: a person who makes a will | precedent: an earlier ruling that guides later ones
    appeal: a request that a higher court review a ruling
    patent: an exclusive right to an invention
    copyright: an exclusive right to a written or artistic work
    trademark: a protected sign of a brand | tort: a civil wrong other than breach of contract
    habeas corpus: the right to have a court review one's detention
    affidavit: a written statement under oath | injunction: a court order to do or stop something
    amnesty: a pardon for a whole group | extradition: handing a suspect over to another country
    statute: a law passed by a parliament
""")
_MYTHS = facts("""
    Zeus: the Greek king of the gods | Poseidon: the Greek god of the sea
    Hades: the Greek ruler of the underworld | Athena: the Greek goddess of wisdom
    Ares: the Greek god of war | Aphrodite: the Greek goddess of love
    Hermes: the Greek messenger of the gods | Artemis: the Greek goddess of the hunt
    Hephaestus: the Greek smith of the gods | Dionysus: the Greek god of wine
    Demeter: the Greek goddess of the harvest | Mars: the Roman god of war
    Venus: the Roman goddess of love | Neptune: the Roman god of the sea
    Jupiter: the Roman king of the gods | Vulcan: the Roman god of fire
    Bacchus: the Roman god of wine | Minerva: the Roman goddess of wisdom
    Diana: the Roman goddess of the hunt | Janus: the Roman god with two faces
    Odin: the Norse father of the gods | Thor: the Norse god with the hammer
    Loki: the Norse trickster | Anubis: the Egyptian god with the head of a jackal
    Ra: the Egyptian god of the sun | Osiris: the Egyptian ruler of the dead
    Thoth: the Egyptian god of writing with the head of an ibis
    Icarus: the youth who flew too near the sun | Midas: the king whose touch turned things to gold
    Medusa: the woman with snakes for hair | Pandora: the woman who opened a jar of evils
    Sisyphus: the man who rolls a boulder uphill for ever
    Narcissus: the youth who fell in love with his reflection
    Prometheus: the titan who stole fire for mankind | Atlas: the titan who bears the sky
    Cerberus: the dog that guards the underworld | Charon: the ferryman of the dead
    Pegasus: the winged horse
""")


def _year(rng: random.Random, event: str) -> Draft:
    year = int(_EVENTS[event])
    slips = [year + sign * rng.randint(3, 25) for sign in rng.choices((1, -1), k=3)]
    return numeric(rng, f"In which year was {event}?", year, *slips)


def _what_happened(rng: random.Random, event: str) -> Draft:
    others = rng.sample([other for other in _EVENTS if other != event], 3)
    return Draft(f"Which of these took place in {_EVENTS[event]}?", event, tuple(others))


def _ordinal(number: int) -> str:
    ending = (
        "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number}{ending}"


def _century(rng: random.Random) -> Draft:
    year, era = rng.choice([(rng.randint(101, 2000), "AD"), (rng.randint(101, 900), "BC")])
    year -= year % 100 if rng.random() < 0.2 else 0
    right = (year - 1) // 100 + 1
    near = [_ordinal(n) for n in (right - 1, right + 1, right + 2) if n > 0]
    return Draft(f"In which century was the year {year} {era}?", _ordinal(right), tuple(near))


def _span(rng: random.Random) -> Draft:
    birth, age = rng.randint(1, 90), rng.randint(30, 80)
    if rng.random() < 0.5:
        start = rng.randint(1200, 1900)
        prompt = f"A ruler was born in March {start} and died in May {start + age}. At what age?"
        return numeric(rng, prompt, age, age + 10, age - 1)
    # There is no year 0 between 1 BC and AD 1.
    prompt = f"How many years lie between 1 May {birth} BC and 1 May AD {age}?"
    return numeric(rng, prompt, birth + age - 1, birth + age, birth + age + 1)


TASKS = (
    Task(
        "history_years",
        ("history", "year", "event", "war", "chronology"),
        together(each(_EVENTS, _year), each(_EVENTS, _what_happened)),
    ),
    Task(
        "centuries",
        ("history", "century", "timeline", "chronology", "years"),
        generated(_century, _span),
    ),
    Task(
        "famous_books",
        ("literature", "author", "novel", "book", "writer"),
        both_ways(_AUTHORS, "Who wrote '{}'?", "Which of these works is by {}?"),
    ),
    Task(
        "famous_paintings",
        ("art", "painter", "painting", "artist", "museum"),
        both_ways(_ARTISTS, "Who painted {}?", "Which of these was painted by {}?"),
    ),
    Task(
        "music",
        ("music", "instrument", "orchestra", "musical terms", "italian terms"),
        together(
            one_way(_INSTRUMENTS, "To which family of instruments does this one belong: {}?"),
            both_ways(
                _MUSIC_TERMS,
                "What does the musical term '{}' mean?",
                "Which musical term means: {}?",
            ),
        ),
    ),
    Task(
        "sports",
        ("sport", "rules", "games", "trophy", "players"),
        one_way(_SPORTS, "In which sport or game would one speak of {}?"),
    ),
    Task(
        "computing_terms",
        ("computing", "abbreviation", "hardware", "software", "internet"),
        both_ways(
            _COMPUTING,
            "In computing, what does '{}' stand for or mean?",
            "Which computing term stands for or means: {}?",
        ),
    ),
    Task(
        "file_extensions",
        ("file extension", "file format", "computing", "documents", "media files"),
        both_ways(
            _EXTENSIONS,
            "What does a file ending in {} usually hold?",
            "Which file extension is usual for {}?",
        ),
    ),
    Task(
        "economic_terms",
        ("economics", "finance", "market", "trade", "money"),
        both_ways(
            _ECONOMICS, "In economics, what is meant by '{}'?", "What do economists call {}?"
        ),
    ),
    Task(
        "legal_terms",
        ("law", "court", "crime", "rights", "terminology"),
        both_ways(_LAW, "In law, what is meant by '{}'?", "What is the legal term for {}?"),
    ),
    Task(
        "mythology",
        ("mythology", "gods", "greek myths", "roman gods", "legend"),
        both_ways(_MYTHS, "In myth, who or what is {}?", "In myth, which name is that of {}?"),
    ),
)
