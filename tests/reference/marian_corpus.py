"""Sentences for the tiny Marian checkpoints: what their SentencePiece models learn from, and what is translated and attributed."""

import random

CORPUS = """The tired nurse said that she was late. The old doctor met his friend in the garden.
A small cat sleeps on the warm roof, and two birds watch it. Who wrote this letter to the queen?
The children were playing near the river when the rain started. Nobody knew where the keys were.
My sister works at the hospital every day, but she would rather be a singer. He sold his house last year.
When the train arrived, the students opened their books and began to read about the history of the city.
Please close the window before you leave the room. The farmer has three horses and a black dog.
We thought that they had forgotten the meeting. It is raining again, so take your coat and the umbrella.
Le chat dort sur le toit. L'infirmière fatiguée a dit qu'elle était en retard. Où est la gare, s'il vous plaît ?
Les enfants jouaient près de la rivière quand la pluie a commencé. Personne ne savait où étaient les clés.
Le vieux docteur a rencontré son ami dans le jardin. Ma sœur travaille à l'hôpital tous les jours.
Fermez la fenêtre avant de quitter la pièce. Le fermier a trois chevaux et un chien noir. Nous allons à la maison.
Deux oiseaux le regardent depuis la grande maison blanche. Qui a écrit cette lettre à la reine ?
Der alte Mann ging langsam über die Brücke. Schöne Grüße aus München! Das Mädchen las ein Buch.
Die Kinder spielten am Fluss, als der Regen begann. Wo ist der Bahnhof? Wir haben den Zug verpasst.
El niño comió una manzana roja. ¿Qué hora es? Mañana lloverá en toda España. La casa está cerca del río.
我们明天去北京。今天天气很好。我喜欢猫和狗。他们在图书馆看书。日本語の文章もあります。猫が好きです。今日は雨が降っています。
Привет, мир! Как дела? Сегодня хорошая погода. Старый доктор встретил своего друга в саду.
12 3,45 67% a@b.org http://x.y/z?q=1 2026-11-23 10:30 +33 (0)1 23 45 67 89 $5.00 7/8 C++ &amp;
I can't believe it's 2026; she'll pay $5.00 (or more) — "maybe". foo_bar(x) != [1, 2, 3] 😀 🎉"""

PAIRS = [
    ("Hi", "Salut"),
    ("The tired nurse said that she was late.", "L'infirmière fatiguée a dit qu'elle était en retard."),
    ("A small cat sleeps.", "Un petit chat dort."),
    ("Who wrote this letter?", "Qui a écrit cette lettre ?"),
    ("Où est la gare, s'il vous plaît ?", "Wo ist der Bahnhof?"),
    ("我们明天去北京。", "Nous allons à Pékin demain."),
    ("Привет, мир!", "Bonjour le monde !"),
    ("I love 😀 and 🎉!", "J'adore 😀 et 🎉 !"),
    ("foo_bar(x) != [1, 2, 3]", "foo_bar(x) != [1, 2, 3]"),
    ("It costs $5.00 (or more).", "Ça coûte 5,00 $ (ou plus)."),
    ("  spaces   inside  ", "des   espaces"),
    (">>fra<< The old doctor met his friend.", "Le vieux docteur a rencontré son ami."),
    ("Two birds watch it.", "Deux oiseaux le regardent."),
    ("Das Mädchen las ein Buch.", "The girl read a book."),
    ("¿Qué hora es?", "What time is it?"),
    ("日本語の文章もあります。", "There is a Japanese text, too."),
    ("Schöne Grüße aus München!", "Greetings from Munich!"),
    ("zzz qqq xxyyzz", "inconnu ☃ ♞"),
    (
        "The old doctor met his friend in the garden, and the tired nurse said that she was late, and a small cat sleeps"
        " on the warm roof of the house, and two birds watch it.",
        "Le chat dort sur le toit, et l'infirmière fatiguée a dit qu'elle était en retard, où est la gare.",
    ),
    ("a", "Le vieux docteur a rencontré son ami dans le jardin."),
]


def sentences(count: int, seed: int = 5):
    """Seeded runs of 1 to 12 words of the corpus, in whatever order and language."""
    words = CORPUS.replace("\n", " ").split(" ")
    rng = random.Random(seed)
    return [" ".join(rng.choices(words, k=rng.randint(1, 12))) for _ in range(count)]
