"""Tasks on nature: chemistry, physics, living things, the human body, medicine, astronomy."""

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

# In the order of their atomic numbers, from 1.
_ELEMENTS = facts("""
    hydrogen: H | helium: He | lithium: Li | beryllium: Be | boron: B | carbon: C | nitrogen: N
    oxygen: O | fluorine: F | neon: Ne | sodium: Na | magnesium: Mg | aluminium: Al | silicon: Si
    phosphorus: P | sulfur: S | chlorine: Cl | argon: Ar | potassium: K | calcium: Ca | scandium: Sc
    titanium: Ti | vanadium: V | chromium: Cr | manganese: Mn | iron: Fe | cobalt: Co | nickel: Ni
    copper: Cu | zinc: Zn | gallium: Ga | germanium: Ge | arsenic: As | selenium: Se | bromine: Br
    krypton: Kr | rubidium: Rb | strontium: Sr | yttrium: Y | zirconium: Zr | niobium: Nb
    molybdenum: Mo | technetium: Tc | ruthenium: Ru | rhodium: Rh | palladium: Pd | silver: Ag
    cadmium: Cd | indium: In | tin: Sn
""")
_NUMBERS = {name: number for number, name in enumerate(_ELEMENTS, start=1)}
_FORMULAS = facts("""
    water: H2O | carbon dioxide: CO2 | carbon monoxide: CO | table salt: NaCl | ammonia: NH3
    methane: CH4 | ethane: C2H6 | propane: C3H8 | butane: C4H10 | benzene: C6H6 | glucose: C6H12O6
    ethanol: C2H5OH | methanol: CH3OH | sulfuric acid: H2SO4 | hydrochloric acid: HCl
    nitric acid: HNO3 | phosphoric acid: H3PO4 | hydrogen peroxide: H2O2 | ozone: O3
    sodium hydroxide: NaOH | potassium hydroxide: KOH | calcium carbonate: CaCO3
    calcium oxide: CaO | sodium bicarbonate: NaHCO3 | sulfur dioxide: SO2 | nitrous oxide: N2O
    nitrogen dioxide: NO2 | silicon dioxide: SiO2 | iron(III) oxide: Fe2O3
    copper(II) sulfate: CuSO4 | silver nitrate: AgNO3 | acetic acid: CH3COOH | hydrogen sulfide: H2S
    magnesium oxide: MgO | potassium chloride: KCl | ethylene: C2H4
""")
_UNITS = facts("""
    force: newton | energy: joule | power: watt | pressure: pascal | electric charge: coulomb
    voltage: volt | electric resistance: ohm | capacitance: farad | inductance: henry
    frequency: hertz | magnetic flux: weber | magnetic flux density: tesla
    electric conductance: siemens | luminous flux: lumen | illuminance: lux
    luminous intensity: candela | radioactivity: becquerel | thermodynamic temperature: kelvin
    electric current: ampere | amount of substance: mole | mass: kilogram | length: metre
    time: second | plane angle: radian | solid angle: steradian | speed: metre per second
    density: kilogram per cubic metre | acceleration: metre per second squared
""")
_INSTRUMENTS = facts("""
    thermometer: temperature | barometer: air pressure | ammeter: electric current
    voltmeter: voltage | hygrometer: humidity | anemometer: wind speed | seismograph: earthquakes
    speedometer: the speed of a vehicle | odometer: the distance travelled by a vehicle
    altimeter: height above sea level | stopwatch: short spans of time
    sphygmomanometer: blood pressure | protractor: angles on paper | pH meter: acidity
    rain gauge: rainfall
""")
_ORGANS = facts("""
    heart: pumps blood through the body | liver: makes bile and breaks down toxins
    kidney: filters the blood and makes urine | stomach: digests food with strong acid
    bladder: stores urine | gall bladder: stores bile | pancreas: makes insulin
    thyroid gland: sets the pace of metabolism through the hormone thyroxine
    cerebellum: coordinates movement and balance | retina: turns light into nerve signals
    iris: controls how much light enters the eye | small intestine: absorbs most nutrients
    large intestine: absorbs water from undigested food | diaphragm: drives breathing as a muscle
    cochlea: turns sound into nerve signals | larynx: holds the vocal cords
    windpipe: leads air to the lungs | oesophagus: carries food to the stomach
    skin: covers and protects the whole body | ovary: releases egg cells | testis: makes sperm
    womb: holds the unborn child | eardrum: vibrates when sound waves strike it
    bone marrow: makes blood cells
    pituitary gland: directs other glands from the base of the brain
    spinal cord: carries signals between the brain and the body
    tongue: tastes food and helps speech | hippocampus: forms new memories
    aorta: leads blood from the heart as the largest artery
    Achilles tendon: joins the calf muscle to the heel | femur: supports the thigh as its only bone
    skull: encloses the brain
""")
_ANIMALS = members("""
    mammal: dolphin, bat, whale, kangaroo, elephant, mouse, seal, platypus, horse, otter, hedgehog,
        giraffe, porcupine
    bird: penguin, ostrich, eagle, sparrow, owl, flamingo, pelican, parrot, kiwi, albatross, swan,
        woodpecker
    reptile: crocodile, tortoise, python, gecko, iguana, cobra, chameleon, alligator, viper
    amphibian: frog, toad, newt, salamander, axolotl
    fish: salmon, shark, tuna, seahorse, eel, cod, trout, stingray, piranha, herring
    insect: ant, butterfly, ladybird, mosquito, dragonfly, grasshopper, beetle, wasp, moth, cricket
    arachnid: tarantula, scorpion, tick, mite
    crustacean: crab, lobster, shrimp, barnacle, woodlouse
    mollusc: octopus, snail, oyster, squid, clam, slug
""")
_SKY = facts("""
    Mercury: the planet closest to the Sun | Venus: the hottest planet of the solar system
    Mars: the planet known as the red planet | Jupiter: the largest planet of the solar system
    Saturn: the planet known best for its bright rings
    Uranus: the planet that rotates lying on its side | Neptune: the planet farthest from the Sun
    Pluto: the dwarf planet that counted as the ninth planet until 2006
    Ceres: the dwarf planet in the asteroid belt | Titan: the largest moon of Saturn
    Ganymede: the largest moon of the solar system | Io: the moon with the most active volcanoes
    Phobos: the larger moon of Mars | Triton: the largest moon of Neptune
    Charon: the largest moon of Pluto | Proxima Centauri: the star closest to the Sun
    Polaris: the star that marks the north | Sirius: the brightest star of the night sky
    Betelgeuse: the red supergiant in Orion | Andromeda: the nearest large galaxy to our own
    Halley: the comet that returns about every 76 years
    Milky Way: the galaxy that holds the solar system | supernova: the explosion of a star
    black hole: an object that light cannot escape
    light year: the distance light travels in a year
    astronomical unit: the mean distance from the Earth to the Sun
    meteorite: a stone from space that has reached the ground
    nebula: a cloud of gas and dust between the stars
    pulsar: a spinning neutron star that sends regular radio pulses
    white dwarf: the dense remnant of a star like the Sun | corona: the outer atmosphere of the Sun
    constellation: a pattern of stars with a name
    perihelion: the point of an orbit closest to the Sun
    equinox: the moment when day and night are equally long
    solar eclipse: the Moon covering the Sun
    lunar eclipse: the Moon passing through the shadow of the Earth
""")
_MEDICINE = facts("""
    hepatitis: inflammation of the liver | arthritis: inflammation of the joints
    gastritis: inflammation of the stomach | dermatitis: inflammation of the skin
    bronchitis: inflammation of the airways in the lungs
    meningitis: inflammation of the membranes around the brain
    nephritis: inflammation of the kidneys | conjunctivitis: inflammation of the outer eye
    appendicitis: inflammation of the appendix | myocarditis: inflammation of the heart muscle
    tonsillitis: inflammation of the tonsils | phlebitis: inflammation of a vein
    anaemia: a lack of red blood cells or haemoglobin | hypertension: high blood pressure
    hypotension: low blood pressure | hypoglycaemia: low blood sugar | tachycardia: a fast heartbeat
    bradycardia: a slow heartbeat | osteoporosis: brittle bones that have lost density
    insomnia: the inability to sleep | scurvy: the disease caused by a lack of vitamin C
    rickets: soft bones in children from a lack of vitamin D | haemophilia: blood that fails to clot
    cataract: a clouded lens of the eye | pneumonia: an infection of the lung tissue
    dementia: the lasting loss of mental abilities | tinnitus: ringing in the ears
    hernia: an organ pushing through the muscle wall | thrombosis: a blood clot inside a vessel
    oncology: the treatment of cancer | paediatrics: the treatment of children
    obstetrics: the care of women in childbirth
    anaesthesia: the loss of feeling induced for surgery | antibiotic: a drug against bacteria
    vaccine: a preparation that trains the immune system | diuretic: a drug that increases urine
""")


def _atomic_number(rng: random.Random, name: str) -> Draft:
    return numeric(rng, f"What is the atomic number of {name}?", _NUMBERS[name])


def _element_at(rng: random.Random, name: str) -> Draft:
    number, names = _NUMBERS[name], list(_NUMBERS)
    near = [names[n - 1] for n in range(number - 3, number + 4) if n != number and 0 < n <= 50]
    return Draft(f"Which element has atomic number {number}?", name, tuple(rng.sample(near, 3)))


def _force(rng: random.Random) -> Draft:
    mass, rate = rng.randint(2, 40), rng.randint(2, 12)
    prompt = f"Which net force gives a mass of {mass} kg an acceleration of {rate} m/s^2?"
    return numeric(rng, prompt, mass * rate, mass + rate, form="{} N")


def _speed(rng: random.Random) -> Draft:
    speed, hours = rng.randint(4, 24) * 5, rng.randint(2, 9)
    thing = rng.choice(("car", "train", "boat", "bus"))
    prompt = f"A {thing} covers {speed * hours} km in {hours} hours. What is its mean speed?"
    return numeric(rng, prompt, speed, speed + 5, speed - 5, form="{} km/h")


def _ohm(rng: random.Random) -> Draft:
    current, resistance = rng.randint(2, 12), rng.randint(2, 50)
    prompt = f"Which voltage drives a current of {current} A through {resistance} ohms?"
    return numeric(rng, prompt, current * resistance, current + resistance, form="{} V")


def _electric_power(rng: random.Random) -> Draft:
    current, voltage = rng.randint(2, 12), rng.choice((5, 9, 12, 24, 110, 120, 230))
    prompt = f"How much power does a device draw that takes {current} A at {voltage} V?"
    return numeric(rng, prompt, current * voltage, current + voltage, form="{} W")


def _kinetic_energy(rng: random.Random) -> Draft:
    mass, speed = 2 * rng.randint(1, 15), rng.randint(2, 12)
    right = mass * speed**2 // 2
    prompt = f"What is the kinetic energy of a mass of {mass} kg that moves at {speed} m/s?"
    return numeric(rng, prompt, right, mass * speed**2, mass * speed, form="{} J")


def _density(rng: random.Random) -> Draft:
    density, volume = rng.randint(2, 20), rng.randint(2, 40)
    prompt = f"What is the density of a metal if {volume} cubic cm weigh {density * volume} g?"
    return numeric(rng, prompt, density, density + 2, form="{} g per cubic cm")


def _momentum(rng: random.Random) -> Draft:
    mass, speed = rng.randint(2, 60), rng.randint(2, 15)
    prompt = f"What is the momentum of a mass of {mass} kg that moves at {speed} m/s?"
    return numeric(rng, prompt, mass * speed, mass + speed, mass * speed**2, form="{} kg m/s")


def _pressure(rng: random.Random) -> Draft:
    pressure, area = rng.randint(5, 90), rng.randint(2, 12)
    prompt = f"Which pressure does a force of {pressure * area} N exert on {area} square metres?"
    return numeric(rng, prompt, pressure, pressure * area**2, form="{} Pa")


TASKS = (
    Task(
        "chemical_symbols",
        ("chemistry", "element", "symbol", "periodic table", "abbreviation"),
        both_ways(
            _ELEMENTS,
            "What is the chemical symbol of {}?",
            "Which element has the chemical symbol {}?",
        ),
    ),
    Task(
        "atomic_numbers",
        ("chemistry", "element", "atomic number", "protons", "periodic table"),
        together(each(_NUMBERS, _atomic_number), each(_NUMBERS, _element_at)),
    ),
    Task(
        "chemical_formulas",
        ("chemistry", "compound", "formula", "molecule", "acids"),
        both_ways(
            _FORMULAS,
            "What is the chemical formula of {}?",
            "Which compound has the chemical formula {}?",
        ),
    ),
    Task(
        "physical_units",
        ("physics", "unit", "quantity", "measurement", "instruments"),
        together(
            both_ways(
                _UNITS,
                "What is the SI unit of {}?",
                "Which quantity is measured in the SI unit {}?",
            ),
            both_ways(
                _INSTRUMENTS,
                "What does this instrument measure or record: {}?",
                "Which of these measures {}?",
            ),
        ),
    ),
    Task(
        "physics_formulas",
        ("physics", "mechanics", "electricity", "formula", "calculation"),
        generated(
            *(_force, _speed, _ohm, _electric_power, _kinetic_energy),
            *(_density, _momentum, _pressure),
        ),
    ),
    Task(
        "human_body",
        ("anatomy", "organ", "body", "physiology", "biology"),
        both_ways(_ORGANS, "What does the {} do in humans?", "Which part of the body {}?"),
    ),
    Task(
        "animal_classes",
        ("biology", "animal", "zoology", "classification", "species"),
        one_way(_ANIMALS, "What kind of animal is this: {}?"),
    ),
    Task(
        "astronomy",
        ("astronomy", "planet", "star", "moon", "solar system"),
        both_ways(_SKY, "In astronomy, what is '{}'?", "In astronomy, what is the name for {}?"),
    ),
    Task(
        "medical_terms",
        ("medicine", "disease", "symptom", "terminology", "health"),
        both_ways(
            _MEDICINE, "In medicine, what is meant by '{}'?", "What is the medical term for {}?"
        ),
    ),
)
