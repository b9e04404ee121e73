"""Tasks on basic words of other languages, asked from English and into it."""

from actors.examiner.bank.task import Draw, Task, both_ways, facts

_SPANISH = facts("""
    dog: perro | house: casa | water: agua | book: libro | red: rojo | bread: pan | sister: hermana
    milk: leche | night: noche | window: ventana | chair: silla | tree: árbol | green: verde
    to eat: comer | to drink: beber | to sleep: dormir | to write: escribir | eight: ocho
    fifteen: quince | Tuesday: martes | winter: invierno | heart: corazón | key: llave
    shoe: zapato | bridge: puente | apple: manzana | street: calle | friend: amigo | cheese: queso
    egg: huevo | tomorrow: mañana | yesterday: ayer | beach: playa | rain: lluvia
    strawberry: fresa | cow: vaca
""")
_FRENCH = facts("""
    dog: chien | house: maison | water: eau | book: livre | red: rouge | bread: pain | sister: sœur
    milk: lait | night: nuit | window: fenêtre | chair: chaise | tree: arbre | green: vert
    to eat: manger | to drink: boire | to sleep: dormir | to write: écrire | eight: huit
    fifteen: quinze | Tuesday: mardi | winter: hiver | heart: cœur | key: clé | shoe: chaussure
    bridge: pont | apple: pomme | street: rue | friend: ami | cheese: fromage | egg: œuf
    tomorrow: demain | yesterday: hier | beach: plage | rain: pluie | strawberry: fraise
    cow: vache
""")
_GERMAN = facts("""
    dog: Hund | house: Haus | water: Wasser | book: Buch | red: rot | bread: Brot
    sister: Schwester | milk: Milch | night: Nacht | window: Fenster | chair: Stuhl | tree: Baum
    green: grün | to eat: essen | to drink: trinken | to sleep: schlafen | to write: schreiben
    eight: acht | fifteen: fünfzehn | Tuesday: Dienstag | winter: Winter | heart: Herz
    key: Schlüssel | shoe: Schuh | bridge: Brücke | apple: Apfel | street: Straße | friend: Freund
    cheese: Käse | egg: Ei | tomorrow: morgen | yesterday: gestern | beach: Strand | rain: Regen
    strawberry: Erdbeere | cow: Kuh
""")
_ITALIAN = facts("""
    dog: cane | house: casa | water: acqua | book: libro | red: rosso | bread: pane
    sister: sorella | milk: latte | night: notte | window: finestra | chair: sedia | tree: albero
    green: verde | to eat: mangiare | to drink: bere | to sleep: dormire | to write: scrivere
    eight: otto | fifteen: quindici | Tuesday: martedì | winter: inverno | heart: cuore
    key: chiave | shoe: scarpa | bridge: ponte | apple: mela | street: strada | friend: amico
    cheese: formaggio | egg: uovo | tomorrow: domani | yesterday: ieri | beach: spiaggia
    rain: pioggia | strawberry: fragola | cow: mucca
""")


def _translated(table: dict[str, str], language: str) -> Draw:
    return both_ways(
        table,
        f"What is the {language} for '{{}}'?",
        f"What does the {language} '{{}}' mean in English?",
    )


TASKS = (
    Task(
        "spanish_words",
        ("spanish", "translation", "vocabulary", "foreign language", "spain"),
        _translated(_SPANISH, "Spanish"),
    ),
    Task(
        "french_words",
        ("french", "translation", "vocabulary", "foreign language", "france"),
        _translated(_FRENCH, "French"),
    ),
    Task(
        "german_words",
        ("german", "translation", "vocabulary", "foreign language", "germany"),
        _translated(_GERMAN, "German"),
    ),
    Task(
        "italian_words",
        ("italian", "translation", "vocabulary", "foreign language", "italy"),
        _translated(_ITALIAN, "Italian"),
    ),
)
