"""A small English to French grammar with a known answer: which English word decides the form of a French word.

Every sentence pair comes with its decisions: a French word, the English word that decides its form, and the French word
as it would be had the English word been the other one. Words are counted between spaces.
"""

import itertools
from dataclasses import dataclass

# English, masculine, feminine
PEOPLE = [
    ("nurse", "infirmier", "infirmière"), ("baker", "boulanger", "boulangère"), ("singer", "chanteur", "chanteuse"),
    ("neighbour", "voisin", "voisine"), ("student", "étudiant", "étudiante"), ("cook", "cuisinier", "cuisinière"),
    ("farmer", "fermier", "fermière"), ("lawyer", "avocat", "avocate"), ("director", "directeur", "directrice"),
    ("dancer", "danseur", "danseuse"), ("seller", "vendeur", "vendeuse"), ("cousin", "cousin", "cousine"),
    ("friend", "ami", "amie"), ("patient", "patient", "patiente"), ("driver", "conducteur", "conductrice"),
    ("reader", "lecteur", "lectrice"),
]
MOODS = [
    ("tired", "fatigué", "fatiguée"), ("worried", "inquiet", "inquiète"), ("happy", "heureux", "heureuse"),
    ("surprised", "surpris", "surprise"), ("injured", "blessé", "blessée"), ("lost", "perdu", "perdue"),
    ("disappointed", "déçu", "déçue"), ("brave", "courageux", "courageuse"), ("famous", "connu", "connue"),
    ("discreet", "discret", "discrète"), ("angry", "fâché", "fâchée"), ("proud", "fier", "fière"),
]
# English masculine and feminine, French masculine and feminine
FAMILY = [
    ("king", "queen", "roi", "reine"), ("father", "mother", "père", "mère"), ("brother", "sister", "frère", "sœur"),
    ("uncle", "aunt", "oncle", "tante"), ("boy", "girl", "garçon", "fille"), ("man", "woman", "homme", "femme"),
    ("actor", "actress", "acteur", "actrice"), ("waiter", "waitress", "serveur", "serveuse"),
    ("prince", "princess", "prince", "princesse"), ("grandfather", "grandmother", "grand-père", "grand-mère"),
    ("nephew", "niece", "neveu", "nièce"), ("widower", "widow", "veuf", "veuve"),
]
CRIES = [("says", "dit"), ("cries", "crie"), ("whispers", "murmure"), ("answers", "répond"), ("repeats", "répète")]
DEGREES = [("", ""), ("very ", "très "), ("so ", "si "), ("always ", "toujours "), ("often ", "souvent ")]
VERBS = [("said", "a dit"), ("thought", "a pensé"), ("knew", "savait"), ("believed", "croyait")]
STATES = [
    ("late", "en retard"), ("here", "ici"), ("at home", "à la maison"), ("in the garden", "dans le jardin"),
    ("in the kitchen", "dans la cuisine"), ("at the market", "au marché"), ("in danger", "en danger"),
    ("in the train", "dans le train"), ("on time", "à l'heure"), ("at the hospital", "à l'hôpital"),
]
# English, English plural, French, French plural, feminine
THINGS = [
    ("house", "houses", "maison", "maisons", True), ("car", "cars", "voiture", "voitures", True),
    ("book", "books", "livre", "livres", False), ("table", "tables", "table", "tables", True),
    ("garden", "gardens", "jardin", "jardins", False), ("window", "windows", "fenêtre", "fenêtres", True),
    ("train", "trains", "train", "trains", False), ("flower", "flowers", "fleur", "fleurs", True),
    ("loaf", "loaves", "pain", "pains", False), ("letter", "letters", "lettre", "lettres", True),
    ("hat", "hats", "chapeau", "chapeaux", False), ("dress", "dresses", "robe", "robes", True),
    ("key", "keys", "clé", "clés", True), ("coat", "coats", "manteau", "manteaux", False),
    ("door", "doors", "porte", "portes", True), ("boat", "boats", "bateau", "bateaux", False),
    ("bag", "bags", "sac", "sacs", False), ("lamp", "lamps", "lampe", "lampes", True),
    ("knife", "knives", "couteau", "couteaux", False), ("chair", "chairs", "chaise", "chaises", True),
]
# English, masculine, feminine, masculine plural, feminine plural
LOOKS = [
    ("white", "blanc", "blanche", "blancs", "blanches"), ("green", "vert", "verte", "verts", "vertes"),
    ("black", "noir", "noire", "noirs", "noires"), ("big", "grand", "grande", "grands", "grandes"),
    ("small", "petit", "petite", "petits", "petites"), ("heavy", "lourd", "lourde", "lourds", "lourdes"),
    ("old", "vieux", "vieille", "vieux", "vieilles"), ("new", "nouveau", "nouvelle", "nouveaux", "nouvelles"),
    ("closed", "fermé", "fermée", "fermés", "fermées"), ("lost", "perdu", "perdue", "perdus", "perdues"),
    ("broken", "cassé", "cassée", "cassés", "cassées"), ("expensive", "cher", "chère", "chers", "chères"),
]
OPENINGS = [
    ("", ""), ("I think that ", "je pense que "), ("We know that ", "nous savons que "), ("They say that ", "ils disent que "),
    ("Today ", "aujourd'hui "), ("You see that ", "vous voyez que "),
]
ACTS = [("sees", "voit"), ("takes", "prend"), ("sells", "vend"), ("cleans", "nettoie"), ("paints", "peint"), ("likes", "aime")]
TIMES = [
    ("today", "aujourd'hui"), ("every day", "chaque jour"), ("at night", "la nuit"), ("in the morning", "le matin"),
    ("on Monday", "lundi"), ("again", "encore"),
]


@dataclass
class Pair:
    english: str
    french: str
    # (French word, English word that decides it, what the other form would be)
    decisions: list


def elided(article, noun):
    return f"l'{noun}" if noun[0] in "aeéhiou" else f"{article} {noun}"


def capital(text):
    return text[0].upper() + text[1:]


def spoken():
    """The pronoun decides the noun, its adjective and its article."""
    for person, mood, verb, state, she in itertools.product(PEOPLE, MOODS, VERBS, STATES, (True, False)):
        english = f"The {mood[0]} {person[0]} {verb[0]} that {'she' if she else 'he'} was {state[0]}."
        forms = []
        for feminine in (she, not she):
            noun, adjective = person[1 + feminine], mood[1 + feminine]
            pronoun = "elle" if feminine else "il"
            forms.append(f"{capital(elided('la' if feminine else 'le', noun))} {adjective} {verb[1]} qu'{pronoun} était {state[1]}.")
        yield decided(english, forms, english.split().index("she" if she else "he"))


def quoted():
    """Who speaks, at the end, decides the adjective at the start."""
    for person, mood, degree, cry, woman in itertools.product(FAMILY, MOODS, DEGREES, CRIES, (True, False)):
        english = f"I am {degree[0]}{mood[0]}, {cry[0]} the {person[woman]}."
        noun = person[2 + woman]
        forms = [
            f"Je suis {degree[1]}{mood[1 + feminine]}, {cry[1]} {elided('la' if feminine else 'le', noun)}."
            for feminine in (woman, not woman)
        ]
        yield decided(english, forms, len(english.split()) - 1)


def described():
    """The noun's gender and number decide the adjective."""
    for thing, look, opening, plural in itertools.product(THINGS, LOOKS, OPENINGS, (False, True)):
        start = opening[0] + ("the" if opening[0] else "The")
        english = f"{start} {thing[1] if plural else thing[0]} {'are' if plural else 'is'} {look[0]}."
        adjective = look[1 + thing[4] + 2 * plural]
        other = look[1 + (not thing[4]) + 2 * plural]
        article = "les" if plural else ("la" if thing[4] else "le")
        noun = thing[3] if plural else thing[2]
        french = f"{opening[1]}{article} {noun} {'sont' if plural else 'est'} "
        forms = [capital(french + adjective + "."), capital(french + other + ".")]
        yield decided(english, forms, len(opening[0].split()) + 1)


def possessed():
    """The thing's gender, not the owner's, decides the possessive."""
    for she, act, thing, time in itertools.product((True, False), ACTS, THINGS, TIMES):
        english = f"{'She' if she else 'He'} {act[0]} {'her' if she else 'his'} {thing[0]} {time[0]}."
        start = f"{'Elle' if she else 'Il'} {act[1]} "
        forms = [f"{start}{'sa' if feminine else 'son'} {thing[2]} {time[1]}." for feminine in (thing[4], not thing[4])]
        yield decided(english, forms, 3)


def decided(english, forms, source_word):
    """The pair, with the first French word in which its two forms differ: later ones can be read off that one."""
    words, others = forms[0].split(), forms[1].split()
    # Where elision gives the two forms different numbers of words, the words are compared from the end.
    aligned = zip(range(len(words) - 1, -1, -1), reversed(words), reversed(others))
    index, _, other = min((i, word, other) for i, word, other in aligned if word != other)
    return Pair(english, forms[0], [(index, source_word, other)])


def pairs():
    """All sentence pairs, by kind."""
    return {f.__name__: list(f()) for f in (spoken, quoted, described, possessed)}


HELD_OUT = "The tired nurse said that she was late."
