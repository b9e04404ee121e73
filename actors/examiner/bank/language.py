"""Tasks on English: meanings, word forms, spelling, grammar, figures of speech, analogies."""

import random

from actors.examiner.bank.task import (
    Draft,
    Draw,
    Task,
    both_ways,
    each,
    facts,
    first_three,
    generated,
    members,
    one_way,
    pick,
    together,
    word_list,
)

# No two pairs may mean nearly the same, or a wrong option would be right.
_SYNONYMS = facts("""
    happy: glad | angry: furious | brave: courageous | clever: intelligent | lazy: idle
    stubborn: obstinate | polite: courteous | generous: unselfish | talkative: loquacious
    frugal: thrifty | rich: wealthy | famous: renowned | tired: weary | ill: sick
    frightened: afraid | elderly: aged | big: large | quick: fast | silent: quiet | strange: odd
    empty: vacant | temporary: transient | obvious: evident | dangerous: perilous
    abundant: plentiful | begin: start | buy: purchase | help: assist | forbid: prohibit
    hide: conceal | reduce: diminish | gather: collect | build: construct | wander: roam
    praise: commend | imitate: mimic | answer: reply | mistake: error | gift: present
    freedom: liberty | enemy: foe | rubbish: garbage | doctor: physician | peak: summit
""")
_ANTONYMS = facts("""
    hot: cold | tall: short | heavy: light | full: empty | early: late | open: closed | wet: dry
    sharp: blunt | loud: quiet | rich: poor | strong: weak | asleep: awake | ancient: modern
    rough: smooth | shallow: deep | wide: narrow | scarce: plentiful | transparent: opaque
    artificial: natural | permanent: temporary | vertical: horizontal | cruel: kind
    generous: stingy | humble: arrogant | brave: cowardly | careful: reckless | guilty: innocent
    win: lose | arrive: depart | accept: reject | expand: contract | ascend: descend | buy: sell
    remember: forget | attack: defend | import: export | victory: defeat | maximum: minimum
    optimist: pessimist | above: below
""")
_MEANINGS = facts("""
    ephemeral: lasting only a very short time | ubiquitous: found everywhere
    gregarious: fond of company | meticulous: very careful about details
    candid: open and honest in speech | novice: a beginner | nocturnal: active at night
    obsolete: no longer in use | ambidextrous: able to use both hands equally well
    benevolent: wishing to do good to others | feasible: possible to do | lethargic: without energy
    nostalgia: a longing for the past | plagiarism: passing off another's work as one's own
    sceptic: a person inclined to doubt | hazardous: full of danger
    inevitable: impossible to avoid | illegible: impossible to read | unanimous: agreed by all
    fragile: easily broken | edible: fit to be eaten | mandatory: required by a rule
    hypocrite: one who preaches what he does not practise | itinerary: a plan of a journey
    anonymous: of unknown name | drought: a long time without rain
    biography: the story of a person's life | spectator: a person who watches an event
    soluble: able to be dissolved | portable: easy to carry | reluctant: unwilling to do something
    ambiguous: having more than one meaning | pedestrian: a person who goes on foot
    vulnerable: easily harmed | catalyst: something that speeds up a change
    alleviate: to make a pain or problem less severe | procrastinate: to put things off
    hibernate: to sleep through the winter | eloquent: speaking fluently and persuasively
""")
_IDIOMS = facts("""
    break the ice: to ease the first tension among people | spill the beans: to reveal a secret
    hit the sack: to go to bed | once in a blue moon: very rarely | a piece of cake: very easy
    under the weather: slightly ill | cost an arm and a leg: to be very expensive
    bite the bullet: to face something unpleasant bravely | kick the bucket: to die
    let sleeping dogs lie: to leave an old quarrel alone | call it a day: to stop working
    pull someone's leg: to tease someone | burn the midnight oil: to work late into the night
    the last straw: the final problem that makes things unbearable
    get cold feet: to lose courage before an event | see eye to eye: to agree fully
    beat around the bush: to avoid the main point | cut corners: to save effort through poor work
    miss the boat: to be too late for a chance | in hot water: in trouble
    a white elephant: a costly possession of no use | on cloud nine: extremely happy
    cry over spilt milk: to regret what cannot be undone | turn a blind eye: to ignore on purpose
    a red herring: a misleading clue | jump on the bandwagon: to follow a popular trend
    bury the hatchet: to make peace | throw in the towel: to give up
    play second fiddle: to be less important than another | raining cats and dogs: pouring hard
    cut to the chase: to come to the main point
    bite off more than one can chew: to take on too much
    the tip of the iceberg: a small visible part of a big problem
    go the extra mile: to make more effort than is expected
    add fuel to the fire: to make a quarrel worse
""")
_AFFIXES = facts("""
    the prefix 'mono-': one | the prefix 'bi-': two | the prefix 'tri-': three
    the prefix 'quadri-': four | the prefix 'octo-': eight | the prefix 'deca-': ten
    the prefix 'semi-': half | the prefix 'poly-': many | the prefix 'omni-': all
    the prefix 'equi-': equal | the prefix 'micro-': very small | the prefix 'mega-': very large
    the prefix 'neo-': new | the prefix 'pseudo-': false | the prefix 'pre-': before
    the prefix 'post-': after | the prefix 're-': again | the prefix 'sub-': under
    the prefix 'inter-': between | the prefix 'trans-': across | the prefix 'tele-': far
    the prefix 'anti-': against | the prefix 'auto-': self | the prefix 'mis-': wrongly
    the prefix 'hydro-': water | the prefix 'geo-': earth | the prefix 'bio-': life
    the prefix 'thermo-': heat | the prefix 'photo-': light | the prefix 'chrono-': time
    the suffix '-less': without | the suffix '-able': capable of being
    the suffix '-ward': in the direction of | the suffix '-logy': study of
    the suffix '-phobia': fear of | the suffix '-cide': killing of | the suffix '-phile': lover of
    the suffix '-graph': something written or recorded
""")
_HOMOPHONES = facts("""
    knight: night | write: right | flour: flower | sea: see | sun: son | pear: pair | mail: male
    tale: tail | week: weak | meat: meet | peace: piece | plain: plane | steal: steel | hole: whole
    brake: break | buy: by | dear: deer | hair: hare | hear: here | heel: heal | hour: our
    knew: new | know: no | maid: made | one: won | pail: pale | sail: sale | stair: stare
    wait: weight | waste: waist | wood: would | bare: bear | blew: blue | cell: sell | eight: ate
    fair: fare | grate: great | mane: main
""")
_PLURALS = facts("""
    child: children | man: men | woman: women | foot: feet | tooth: teeth | goose: geese
    mouse: mice | ox: oxen | sheep: sheep | deer: deer | species: species | series: series
    aircraft: aircraft | crisis: crises | analysis: analyses | thesis: theses
    hypothesis: hypotheses | oasis: oases | diagnosis: diagnoses | parenthesis: parentheses
    criterion: criteria | bacterium: bacteria | stimulus: stimuli
    alumnus: alumni | leaf: leaves | knife: knives | wife: wives | life: lives | wolf: wolves
    half: halves | shelf: shelves | thief: thieves | loaf: loaves | calf: calves | elf: elves
    city: cities | baby: babies | party: parties | lady: ladies | country: countries
    story: stories | fly: flies | berry: berries | key: keys | monkey: monkeys | toy: toys
    valley: valleys | box: boxes | church: churches | dish: dishes | glass: glasses | fox: foxes
    watch: watches | potato: potatoes | tomato: tomatoes | hero: heroes | echo: echoes
    photo: photos | piano: pianos | radio: radios | studio: studios | belief: beliefs
    chief: chiefs | cliff: cliffs | quiz: quizzes | passer-by: passers-by
    mother-in-law: mothers-in-law | grandchild: grandchildren | salesman: salesmen
""")
_VERBS = facts("""
    go: went gone | eat: ate eaten | see: saw seen | take: took taken | give: gave given
    write: wrote written | drive: drove driven | break: broke broken | speak: spoke spoken
    choose: chose chosen | begin: began begun | drink: drank drunk | sing: sang sung
    swim: swam swum | ring: rang rung | run: ran run | come: came come | become: became become
    fly: flew flown | grow: grew grown | know: knew known | throw: threw thrown | draw: drew drawn
    blow: blew blown | ride: rode ridden | rise: rose risen | fall: fell fallen
    freeze: froze frozen | steal: stole stolen | shake: shook shaken
    bring: brought brought | buy: bought bought | catch: caught caught | teach: taught taught
    think: thought thought | fight: fought fought | seek: sought sought | find: found found
    keep: kept kept | sleep: slept slept | feel: felt felt | leave: left left | lose: lost lost
    send: sent sent | build: built built | spend: spent spent | tell: told told | sell: sold sold
    hold: held held | stand: stood stood | win: won won | sit: sat sat | stick: stuck stuck
    cut: cut cut | put: put put | shut: shut shut | hurt: hurt hurt
""")
_HARD_WORDS = word_list("""
    accommodate address apparently argument assassin beginning believe bureaucracy business
    calendar cemetery colleague column committee conscience conscious definitely desperate
    dictionary disappear disappoint discipline embarrass environment exaggerate exercise existence
    experience foreign friend government grammar guarantee harass hierarchy immediately
    independent intelligence interrupt irresistible knowledge lieutenant maintenance
    mathematics millennium miniature mischievous misspell necessary neighbourhood noticeable
    occasionally occurrence parallel parliament permanent perseverance possession prejudice
    privilege pronunciation questionnaire receive recommend religious repetition restaurant
    schedule secretary separate sincerely successful surprise temperature tendency tomorrow
    transferred unfortunately unnecessary vacuum vegetable vehicle weird
""")
_PARTS_OF_SPEECH = members("""
    noun: furniture, happiness, kingdom, bicycle, knowledge, teacher, freedom, elephant, wisdom,
        kitchen, childhood, bravery, violin, village, sadness, oxygen
    verb: arrive, believe, describe, destroy, decide, forget, explain, compare, organise, persuade,
        admire, consist, enjoy, betray, invent, apologise
    adjective: beautiful, enormous, dangerous, famous, honest, curious, lazy, expensive, useful,
        ancient, wooden, jealous, generous, hungry, visible, nervous
    adverb: quickly, carefully, seldom, always, happily, soon, badly, gently, often, suddenly,
        politely, never, rarely, angrily
    preposition: among, during, onto, into, beside, towards, upon, at, from, of
    conjunction: although, because, unless, whereas, and, or, if
    pronoun: they, ourselves, him, she, themselves, us, whom, it, myself
""")
_SUBJECTS = {
    "singular": (
        "Each of the students",
        "The list of names",
        "Neither of the boys",
        "Everyone in the two houses",
        "My uncle, like his brothers,",
        "One of the girls",
        "The owner of the horses",
        "Nobody except the twins",
        "The box with the old letters",
        "Every cat and dog",
        "She",
        "The teacher",
    ),
    "plural": (
        "The children of the mayor",
        "My friend and her sister",
        "The pages of this book",
        "Both of the teams",
        "The scissors",
        "Many of the guests",
        "The keys to the house",
        "Few people",
        "You",
        "The mice",
        "All the boats in the harbour",
        "The men near the gate",
    ),
}
_VERB_PHRASES = facts("""
    need help: needs needing | look nice: looks looking | seem fine: seems seeming
    come here often: comes coming | belong here: belongs belonging | keep still: keeps keeping
    matter to us: matters mattering | remain outside: remains remaining
    go missing again: goes going | do well: does doing
""")
# One relation a line.
_ANALOGIES = [
    facts(relation)
    for relation in (
        "dog: puppy | cat: kitten | cow: calf | sheep: lamb | horse: foal | pig: piglet",
        "bird: nest | bee: hive | spider: web | lion: den | dog: kennel | horse: stable | pig: sty",
        "author: book | painter: picture | baker: bread | composer: music | tailor: suit",
        "knife: cut | pen: write | broom: sweep | oven: bake | needle: sew | shovel: dig",
        "hot: cold | day: night | up: down | fast: slow | love: hate | war: peace | noise: silence",
        "finger: hand | toe: foot | petal: flower | wheel: car | page: book | branch: tree",
        "fish: water | bird: air | camel: desert | monkey: jungle | polar bear: ice",
        "sheep: flock | wolf: pack | bee: swarm | cow: herd | sailor: crew | actor: cast",
        "eye: see | ear: hear | nose: smell | leg: walk | tooth: chew | brain: think",
    )
]


def _plural(rng: random.Random, word: str) -> Draft:
    right = _PLURALS[word]
    wrong = [f"{word}s", f"{word}es", f"{word}'s", word]
    wrong += [f"{word[:-1]}ies"] if word.endswith("y") else []
    wrong += [f"{word.rstrip('e')[:-1]}ves"] if word.rstrip("e").endswith("f") else []
    wrong += [] if right.endswith("s") else [f"{right}s"]
    return pick(rng, f"What is the plural of '{word}'?", right, wrong)


def _regular_past(verb: str) -> str:
    if verb.endswith("e"):
        return f"{verb}d"
    if verb[-1] == "y" and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied"
    doubles = verb[-1] in "bdgmnprt" and verb[-2] in "aeiou" and verb[-3:-2] not in tuple("aeiou")
    return f"{verb}{verb[-1]}ed" if doubles else f"{verb}ed"


def _past(rng: random.Random, verb: str) -> Draft:
    past, participle = _VERBS[verb].split()
    wrong = [_regular_past(verb), participle, verb, f"{past}ed", f"{verb}en"]
    return first_three(f"What is the simple past of the verb 'to {verb}'?", past, wrong)


def _participle(rng: random.Random, verb: str) -> Draft:
    past, participle = _VERBS[verb].split()
    wrong = [_regular_past(verb), past, verb, f"{past}ed", f"{verb}en"]
    return first_three(f"What is the past participle of the verb 'to {verb}'?", participle, wrong)


def _misspelt(rng: random.Random, word: str) -> str:
    """``word`` with a likely slip: a vowel off, or a consonant doubled or halved."""
    place = rng.randint(1, len(word) - 2)
    start, here, after, rest = word[:place], word[place], word[place + 1], word[place + 2 :]
    if here == after:
        return start + here + rest
    if here in "aeiou":
        swapped = {"a": "e", "e": "a", "i": "e", "o": "a", "u": "o"}[here] + after
        return start + (after + here if after in "aeiou" else swapped) + rest
    return start + here + word[place:] if here in "bcdflmnprst" else word


def _spelling(rng: random.Random, word: str) -> Draft:
    slips = dict.fromkeys(_misspelt(rng, word) for _ in range(60))
    shown, *wrong = [slip for slip in slips if slip != word][:4]
    return Draft(f"'{shown}' is misspelt. Which spelling is correct?", word, tuple(wrong))


def _agreement(rng: random.Random) -> Draft:
    number = rng.choice(("singular", "plural"))
    subject = rng.choice(_SUBJECTS[number])
    phrase, forms = rng.choice(list(_VERB_PHRASES.items()))
    (verb, rest), (third, present_participle) = phrase.split(maxsplit=1), forms.split()
    right, other = (third, verb) if number == "singular" else (verb, third)
    helper = "have" if number == "singular" else "is"
    wrong = (other, present_participle, f"{helper} {present_participle}")
    return Draft(f"Which verb form is correct in '{subject} ___ {rest}.'?", right, wrong)


def _analogy(rng: random.Random) -> Draft:
    table = rng.choice(_ANALOGIES)
    one, two = rng.sample(list(table), 2)
    prompt = f"Which word fits: {one} is to {table[one]} as {two} is to ...?"
    return pick(rng, prompt, table[two], table.values())


def _mutual(table: dict[str, str], prompt: str) -> Draw:
    """For relations that hold both ways, such as sameness."""
    return both_ways(table, prompt, prompt)


TASKS = (
    Task(
        "synonyms",
        ("synonym", "same meaning", "vocabulary", "word choice", "english words"),
        _mutual(_SYNONYMS, "Which of these means nearly the same as '{}'?"),
    ),
    Task(
        "antonyms",
        ("antonym", "opposite", "vocabulary", "contrast", "english words"),
        _mutual(_ANTONYMS, "Which word is the opposite of '{}'?"),
    ),
    Task(
        "word_meanings",
        ("definition", "vocabulary", "word meaning", "dictionary", "english words"),
        both_ways(_MEANINGS, "What does the word '{}' mean?", "Which word is defined as: {}?"),
    ),
    Task(
        "idioms",
        ("idiom", "figurative speech", "phrase", "figurative meaning", "english usage"),
        both_ways(_IDIOMS, "What does the idiom '{}' mean?", "Which idiom means: {}?"),
    ),
    Task(
        "prefixes_and_suffixes",
        ("prefix", "suffix", "word parts", "etymology", "word formation"),
        both_ways(_AFFIXES, "What does {} usually mean?", "Which affix usually means '{}'?"),
    ),
    Task(
        "homophones",
        ("homophone", "pronunciation", "sound", "spelling", "english words"),
        _mutual(_HOMOPHONES, "Which word sounds the same as '{}'?"),
    ),
    Task(
        "plurals",
        ("plural", "noun", "irregular forms", "singular", "grammar"),
        each(_PLURALS, _plural),
    ),
    Task(
        "verb_forms",
        ("past tense", "past participle", "irregular verbs", "conjugation", "grammar"),
        together(each(_VERBS, _past), each(_VERBS, _participle)),
    ),
    Task(
        "spelling",
        ("spelling", "misspelling", "letters", "proofreading", "english words"),
        each(_HARD_WORDS, _spelling),
    ),
    Task(
        "parts_of_speech",
        ("word classes", "noun", "verb", "adjective", "grammar"),
        one_way(_PARTS_OF_SPEECH, "Which part of speech is the word '{}'?"),
    ),
    Task(
        "subject_verb_agreement",
        ("agreement", "subject", "verb", "grammatical number", "grammar"),
        generated(_agreement),
    ),
    Task(
        "analogies",
        ("analogy", "word relations", "comparison", "association", "verbal reasoning"),
        generated(_analogy),
    ),
)
