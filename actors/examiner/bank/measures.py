"""Computed tasks on units and bearings: length, mass, time, dates, temperature, directions."""

import calendar
import datetime
import random

from actors.examiner.bank.task import Draft, Rule, Task, generated, numeric, pick

# (large unit, how many small ones it holds, small unit)
_LENGTHS = (
    *(("metres", 100, "centimetres"), ("kilometres", 1000, "metres"), ("feet", 12, "inches")),
    *(("yards", 3, "feet"), ("centimetres", 10, "millimetres"), ("yards", 36, "inches")),
    *(("metres", 1000, "millimetres"), ("miles", 1760, "yards"), ("metres", 10, "decimetres")),
)
_MASSES = (
    *(("kilograms", 1000, "grams"), ("tonnes", 1000, "kilograms"), ("pounds", 16, "ounces")),
    *(("grams", 1000, "milligrams"), ("stone", 14, "pounds")),
)
_COOKING = (
    *(("tablespoons", 3, "teaspoons"), ("US cups", 16, "tablespoons"), ("US pints", 2, "US cups")),
    *(("US quarts", 4, "US cups"), ("US gallons", 4, "US quarts"), ("US cups", 48, "teaspoons")),
    *(
        ("litres", 1000, "millilitres"),
        ("litres", 10, "decilitres"),
        ("litres", 100, "centilitres"),
    ),
)
_SPANS = (
    *(("hours", 60, "minutes"), ("minutes", 60, "seconds"), ("days", 24, "hours")),
    *(("weeks", 7, "days"), ("decades", 10, "years"), ("centuries", 100, "years")),
    *(("hours", 3600, "seconds"), ("years", 12, "months"), ("days", 1440, "minutes")),
)
_WEEKDAYS = tuple(calendar.day_name)
_POINTS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
_DISHES = ("pancakes", "soup", "bread", "stew", "muffins", "curry", "biscuits", "pudding")
_INGREDIENTS = ("flour", "sugar", "rice", "butter", "milk", "oats", "lentils", "cheese")

Unit = tuple[str, int, str]


def _down(units: tuple[Unit, ...]) -> Rule:
    def rule(rng: random.Random) -> Draft:
        large, factor, small = rng.choice(units)
        count = rng.randint(2, 25)
        prompt = f"How many {small} are there in {count} {large}?"
        right = count * factor
        slips = (
            (right * 10, right + factor) if factor % 10 == 0 else (right + factor, right - factor)
        )
        return numeric(rng, prompt, right, *slips)

    return rule


def _up(units: tuple[Unit, ...]) -> Rule:
    def rule(rng: random.Random) -> Draft:
        large, factor, small = rng.choice(units)
        count = rng.randint(2, 25)
        prompt = f"{count * factor} {small} are how many {large}?"
        return numeric(rng, prompt, count, count * 10 if factor % 10 == 0 else count + 2)

    return rule


def _mixed(units: tuple[Unit, ...]) -> Rule:
    def rule(rng: random.Random) -> Draft:
        large, factor, small = rng.choice([unit for unit in units if unit[1] > 2])
        count, rest = rng.randint(2, 12), rng.randint(2, min(factor, 100) - 1)
        prompt = f"How many {small} are {count} {large} and {rest} {small} together?"
        right = count * factor + rest
        return numeric(rng, prompt, right, right + factor, right - rest)

    return rule


def _spoken(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _clock(rng: random.Random, prompt: str, right: int) -> Draft:
    near = [_spoken(right + shift) for shift in (-60, -40, -10, -5, 5, 10, 40, 60)]
    return pick(rng, prompt, _spoken(right), near)


def _later(rng: random.Random) -> Draft:
    start, passed = rng.randrange(0, 1440, 5), rng.randrange(65, 600, 5)
    prompt = (
        f"It is {_spoken(start)} on a 24-hour clock. What does the clock show "
        f"{passed // 60} h {passed % 60} min later?"
    )
    return _clock(rng, prompt, start + passed)


def _earlier(rng: random.Random) -> Draft:
    end, passed = rng.randrange(600, 1440, 5), rng.randrange(15, 500, 5)
    prompt = f"A film of {passed} minutes ended at {_spoken(end)}. When did it begin?"
    return _clock(rng, prompt, end - passed)


def _between(rng: random.Random) -> Draft:
    start, passed = rng.randrange(0, 800, 5), rng.randrange(35, 600, 5)
    prompt = (
        f"How many minutes pass from {_spoken(start)} to {_spoken(start + passed)} of the same day?"
    )
    return numeric(rng, prompt, passed, passed + 60, passed - 10)


def _hands(rng: random.Random) -> Draft:
    hour, half = rng.randint(1, 12), rng.choice((0, 30))
    angle = abs(30 * hour % 360 + half // 2 - 6 * half)
    right = min(angle, 360 - angle)
    prompt = f"What is the smaller angle between the hands of a clock at {hour}:{half:02d}?"
    return numeric(rng, prompt, right, right + 15, abs(right - 15), form="{} degrees")


def _date(day: datetime.date) -> str:
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"


def _some_day(rng: random.Random) -> datetime.date:
    return datetime.date(rng.randint(1950, 2040), 1, 1) + datetime.timedelta(rng.randrange(365))


def _weekday_later(rng: random.Random) -> Draft:
    start, passed = rng.randrange(7), rng.randint(8, 200)
    prompt = f"Today is {_WEEKDAYS[start]}. Which day of the week will it be in {passed} days?"
    return pick(rng, prompt, _WEEKDAYS[(start + passed) % 7], _WEEKDAYS)


def _date_later(rng: random.Random) -> Draft:
    start, passed = _some_day(rng), rng.randint(5, 70)
    right = start + datetime.timedelta(passed)
    near = [_date(right + datetime.timedelta(shift)) for shift in (-7, -3, -2, -1, 1, 2, 3, 7)]
    return pick(rng, f"Which date is {passed} days after {_date(start)}?", _date(right), near)


def _days_between(rng: random.Random) -> Draft:
    start, passed = _some_day(rng), rng.randint(10, 120)
    end = start + datetime.timedelta(passed)
    prompt = f"How many days is it from {_date(start)} to {_date(end)}?"
    return numeric(rng, prompt, passed, passed + 1, passed - 1)


def _month_length(rng: random.Random) -> Draft:
    year, month = rng.choice((1900, 2000, *range(2001, 2033))), rng.choice((2, 2, 4, 7, 8, 9, 11))
    days = calendar.monthrange(year, month)[1]
    prompt = f"How many days did or will {calendar.month_name[month]} {year} have?"
    return pick(rng, prompt, str(days), ("28", "29", "30", "31"))


def _celsius(rng: random.Random) -> Draft:
    celsius = 5 * rng.randint(-8, 50)
    right = celsius * 9 // 5 + 32
    prompt = f"How many degrees Fahrenheit are {celsius} degrees Celsius?"
    return numeric(rng, prompt, right, right - 32, right + 18)


def _fahrenheit(rng: random.Random) -> Draft:
    celsius = 5 * rng.randint(-8, 50)
    prompt = f"How many degrees Celsius are {celsius * 9 // 5 + 32} degrees Fahrenheit?"
    return numeric(rng, prompt, celsius, celsius + 5, celsius + 32)


def _kelvin(rng: random.Random) -> Draft:
    celsius = rng.randint(-200, 300)
    prompt = f"How many kelvin are {celsius} degrees Celsius, to the nearest whole number?"
    return numeric(rng, prompt, celsius + 273, abs(celsius - 273), celsius + 32)


def _turn(rng: random.Random) -> Draft:
    heading = start = rng.randrange(8)
    turns = []
    for _ in range(rng.randint(1, 4)):
        eighths, side = rng.choice((1, 2, 2, 3, 4)), rng.choice(("right", "left"))
        heading += eighths if side == "right" else -eighths
        turns.append(f"{45 * eighths} degrees to the {side}")
    prompt = f"You face {_POINTS[start]} and turn {', then '.join(turns)}. Where do you face now?"
    return pick(rng, prompt, _POINTS[heading % 8], _POINTS)


def _walk(rng: random.Random) -> Draft:
    north, east = rng.choice(((3, 4), (4, 3), (6, 8), (8, 6), (5, 12), (12, 5), (9, 12), (12, 9)))
    back = rng.randint(1, 9)
    up, side = rng.choice(("north", "south")), rng.choice(("east", "west"))
    down = "south" if up == "north" else "north"
    prompt = (
        f"You walk {north + back} km {up}, {east} km {side} and {back} km {down}. "
        "How far from the start are you, in a straight line?"
    )
    right = round((north**2 + east**2) ** 0.5)
    return numeric(rng, prompt, right, north + east, north + east + 2 * back, form="{} km")


def _opposite(rng: random.Random) -> Draft:
    here, there = rng.sample(("the mill", "the church", "the lake", "the farm", "the school"), 2)
    place = rng.randrange(8)
    prompt = f"{here} lies {_POINTS[place]} of {there}. In which direction from {here} is {there}?"
    return pick(rng, prompt[0].upper() + prompt[1:], _POINTS[(place + 4) % 8], _POINTS)


def _recipe(rng: random.Random) -> Draft:
    dish, ingredient = rng.choice(_DISHES), rng.choice(_INGREDIENTS)
    serves, amount = rng.choice((2, 3, 4, 5, 6)), rng.randint(2, 12) * 10
    people = rng.choice([n for n in range(2, 13) if n != serves])
    prompt = (
        f"A recipe for {dish} for {serves} people takes {amount * serves} g of {ingredient}. "
        f"How much {ingredient} do {people} people need?"
    )
    wrong = (amount * (people + 1), amount * (people - 1))
    return numeric(rng, prompt, amount * people, *wrong, form="{} g")


TASKS = (
    Task(
        "length_units",
        ("length", "distance", "metric units", "imperial units", "unit conversion"),
        generated(_down(_LENGTHS), _up(_LENGTHS), _mixed(_LENGTHS)),
    ),
    Task(
        "mass_units",
        ("mass", "weight", "kilogram", "ounces", "unit conversion"),
        generated(_down(_MASSES), _up(_MASSES), _mixed(_MASSES)),
    ),
    Task(
        "cooking_measures",
        ("cooking", "recipe", "volume units", "tablespoon", "kitchen measures"),
        generated(_down(_COOKING), _up(_COOKING), _recipe),
    ),
    Task(
        "time_units",
        ("time", "hours", "seconds", "duration", "unit conversion"),
        generated(_down(_SPANS), _up(_SPANS), _mixed(_SPANS)),
    ),
    Task(
        "clock_times",
        ("clock", "daytime", "minutes", "duration", "schedule"),
        generated(_later, _earlier, _between, _hands),
    ),
    Task(
        "calendar_dates",
        ("calendar", "date", "weekday", "month", "leap year"),
        generated(_weekday_later, _date_later, _days_between, _month_length),
    ),
    Task(
        "temperature_scales",
        ("temperature", "celsius", "fahrenheit", "kelvin", "unit conversion"),
        generated(_celsius, _fahrenheit, _kelvin),
    ),
    Task(
        "compass_directions",
        ("compass", "direction", "turning", "navigation", "spatial sense"),
        generated(_turn, _walk, _opposite),
    ),
)
