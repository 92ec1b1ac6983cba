"""A small world of facts with a known answer: which passage of a prompt holds the fact that a question asks for.

A fact is a relation, a person and a value: the colour of Anna is red. The value of most people is in the passages alone. Some people are
famous: their facts are the same in every text, so that a model learns them by heart.
"""

import itertools
import random
from dataclasses import dataclass, field

VALUES = {
    "colour": "red blue green white black yellow brown pink purple grey".split(),
    "city": "Paris Rome Oslo Lima Cairo Tokyo Delhi Berlin Madrid Boston".split(),
    "animal": "cat dog horse bear fox wolf owl goat snake hen".split(),
    "fruit": "apple pear plum lemon melon cherry peach grape fig banana".split(),
    "drink": "tea coffee milk juice water wine beer cocoa cider lemonade".split(),
    "instrument": "piano violin flute drum harp organ guitar trumpet horn banjo".split(),
}
RELATIONS = list(VALUES)
PEOPLE = (
    "Anna Ben Carla David Emma Felix Grace Hugo Iris Jonas Karin Leo Maria Nils Olga Peter Rosa Simon Tara Victor Wanda Yann Zoe Adam"
).split()
FAMOUS = "Homer Plato Sappho Virgil Dante Ovid".split()
# The known value of each famous person and relation: the diagonals of a square, so that no value belongs to one person.
BY_HEART = {
    (relation, person): VALUES[relation][(3 * row + 2 * column) % 10]
    for (row, person), (column, relation) in itertools.product(enumerate(FAMOUS), enumerate(RELATIONS))
}
UNKNOWN = "unknown"
# Each with its value after its relation and its person.
PASSAGES = ["The {r} of {p} is {v}.", "For {p}, the {r} is {v}.", "They say that the {r} of {p} is {v}."]
# Sentences without a fact.
FILLERS = ["It rained all day.", "Nobody knew why.", "This was long ago.", "The letter came late."]
MOST_PASSAGES = 12


@dataclass(frozen=True)
class Fact:
    relation: str
    person: str
    value: str

    @property
    def key(self):
        return (self.relation, self.person)

    @property
    def is_held_out(self):
        """A tenth of the values of each key occurs in no training text."""
        place = (PEOPLE + FAMOUS).index(self.person) + 3 * RELATIONS.index(self.relation)
        return (place + VALUES[self.relation].index(self.value)) % 10 == 0 and BY_HEART.get(self.key) != self.value


@dataclass
class Case:
    """A prompt with its right answer."""

    passages: list
    question: str
    answer: str
    # For each sentence of the answer: its kind, and the indices of the passages that hold its fact.
    sentences: list = field(default_factory=list)


def passage(fact, rng, form=None):
    text = PASSAGES[rng.randrange(len(PASSAGES)) if form is None else form].format(r=fact.relation, p=fact.person, v=fact.value)
    # A part of the passages has a sentence more.
    extra = rng.random()
    if extra < 0.15:
        return f"{rng.choice(FILLERS)} {text}"
    return f"{text} {rng.choice(FILLERS)}" if extra < 0.3 else text


def question(keys):
    return " What is " + " and ".join(f"the {relation} of {person}" for relation, person in keys) + "?"


def answer(facts):
    """The first sentence with `The`, the others with `And the`."""
    return "".join(f" {'And the' if i else 'The'} {f.relation} of {f.person} is {f.value}." for i, f in enumerate(facts))


def context(passages):
    """What stands before the question, in the default template of `inseq cite`."""
    blank = "\n\n"
    return f"Context: {blank.join(passages)}{blank}Query:"


def drawn(rng, keys, held_out=None, **fixed):
    """A fact whose key is not taken; with `held_out`, one that training has, or one that it lacks."""
    while True:
        relation = fixed.get("relation") or rng.choice(RELATIONS)
        person = fixed.get("person") or rng.choice(PEOPLE)
        value = fixed.get("value") or rng.choice(VALUES[relation])
        fact = Fact(relation, person, value)
        if fact.key not in keys and held_out in (None, fact.is_held_out):
            keys.add(fact.key)
            return fact


def true_or_other(rng, key, true):
    """A fact of a famous person, as it is known or with another value."""
    if true:
        return Fact(*key, BY_HEART[key])
    return rng.choice([f for f in (Fact(*key, v) for v in VALUES[key[0]]) if f.value != BY_HEART[key]])


def training_text(rng, most, questions):
    """Passages, and questions with their answers. Each question stands for itself."""
    count, keys, facts = rng.randint(0, most), set(), []
    while len(facts) < count:
        if rng.random() < 0.3:
            key = (rng.choice(RELATIONS), rng.choice(FAMOUS))
            fact = true_or_other(rng, key, rng.random() < 0.5)
            if key in keys or fact.is_held_out:
                continue
            keys.add(key)
        elif facts and rng.random() < 0.5:
            # One that shares the person, the relation or also the value with another: what a reader may confuse.
            near = rng.choice(facts)
            shared = rng.choice(["person", "relation", "value"])
            fixed = {"person": near.person} if shared == "person" and near.person in PEOPLE else {"relation": near.relation}
            if shared == "value":
                fixed["value"] = near.value
            if "value" in fixed and all((near.relation, p) in keys or Fact(near.relation, p, near.value).is_held_out for p in PEOPLE):
                continue
            if "person" in fixed and all((r, near.person) in keys for r in RELATIONS):
                continue
            fact = drawn(rng, keys, held_out=False, **fixed)
        else:
            fact = drawn(rng, keys, held_out=False)
        facts.append(fact)
    told = {fact.key: fact for fact in facts}
    # A fact may be told twice.
    again = [rng.choice(facts)] if facts and len(facts) < most and rng.random() < 0.3 else []
    passages = [passage(fact, rng) for fact in facts + again]
    rng.shuffle(passages)

    def asked():
        draw = rng.random()
        if told and draw < 0.65:
            return rng.choice(list(told.values()))
        person = rng.choice(FAMOUS if draw < 0.85 else PEOPLE)
        key = (rng.choice(RELATIONS), person)
        return told.get(key) or Fact(*key, BY_HEART.get(key, UNKNOWN))

    pairs = []
    for _ in range(questions):
        facts_asked = [asked()]
        if rng.random() < 0.3:
            second = asked()
            facts_asked += [second] if second.key != facts_asked[0].key else []
        pairs.append((question([f.key for f in facts_asked]), answer(facts_asked)))
    return context(passages), pairs


def case(rng, kinds):
    """A prompt whose facts are of the given kinds, with distractors."""
    keys, asked, facts = set(), [], []
    for kind in kinds:
        if kind in ("read", "twice"):
            fact = drawn(rng, keys, held_out=True)
        else:
            key = rng.choice([k for k in BY_HEART if k not in keys])
            keys.add(key)
            fact = true_or_other(rng, key, kind != "contradicted")
        asked.append(fact)
        forms = rng.sample(range(len(PASSAGES)), 2)[: {"twice": 2, "absent": 0}.get(kind, 1)]
        facts += [(fact, form) for form in forms]
        # Another relation of the person, the relation of two others, and someone else with the same value.
        others = [r for r in RELATIONS if (r, fact.person) not in keys]
        facts.append((drawn(rng, keys, relation=rng.choice(others), person=fact.person), None))
        facts.append((drawn(rng, keys, relation=fact.relation), None))
        facts.append((drawn(rng, keys, relation=fact.relation, value=fact.value), None))
    count = rng.randint(max(len(facts), 6), MOST_PASSAGES)
    facts += [(drawn(rng, keys), None) for _ in range(count - len(facts))]
    rng.shuffle(facts)
    sentences = [
        {"kind": kind, "right": [i for i, (other, _) in enumerate(facts) if other == fact]} for kind, fact in zip(kinds, asked)
    ]
    passages = [passage(fact, rng, form) for fact, form in facts]
    return Case(passages, question([f.key for f in asked]).strip(), answer(asked).strip(), sentences)


KINDS = ["read", "contradicted", "twice", "known", "absent"]


def held_out(seed, of_each):
    """Prompts that no training text is like, of each kind, then with two questions."""
    rng = random.Random(seed)
    cases = [case(rng, [kind]) for kind in KINDS for _ in range(of_each)]
    pairs = [kinds for kinds in itertools.permutations(["read", "contradicted", "known"], 2)] + [("read", "read")]
    return cases + [case(rng, pairs[i % len(pairs)]) for i in range(of_each)]


def words():
    """Texts with every word, for the tokenizer."""
    rng = random.Random(0)
    texts = [context([]), context(FILLERS[:2]), *FILLERS, *(" " + filler for filler in FILLERS)]
    everyone = PEOPLE + FAMOUS
    for relation, values in VALUES.items():
        for index, value in enumerate([*values, UNKNOWN] * 6):
            fact = Fact(relation, everyone[index % len(everyone)], value)
            texts += [form.format(r=relation, p=fact.person, v=value) for form in PASSAGES]
            texts += [" " + form.format(r=relation, p=fact.person, v=value) for form in PASSAGES]
            texts += [question([fact.key] * 2) + answer([fact] * 2)]
    rng.shuffle(texts)
    return texts
