"""Texts that the tokenizer fixtures are trained on, and the strings that they are compared over.

Written for this project; nothing is downloaded.
"""

import random

SENTENCES = {
    "en": [
        "The tired nurse said that she was late for the evening shift.",
        "A small boat crossed the river before the storm arrived.",
        "He didn't know whether the letters had been sent or not.",
        "They're reading the newspaper, aren't they?",
        "In 1997, about 3,500 people lived in the valley; by 2021 there were 12,480.",
        "Please read the instructions carefully before you open the box!",
        "The doctor asked the secretary to bring his notes.",
        "Nobody understood why the machine stopped working on Tuesday.",
        "\"Never mind,\" said the teacher, \"we will try again tomorrow.\"",
        "The museum's oldest painting was stolen, and it has not been found.",
        "Our neighbours' dog barks whenever the postman comes.",
        "It costs 25% more than last year, i.e. roughly $40 per month.",
    ],
    "fr": [
        "L'infirmière fatiguée a dit qu'elle était en retard pour le service du soir.",
        "Un petit bateau a traversé la rivière avant l'arrivée de la tempête.",
        "Il ne savait pas si les lettres avaient été envoyées ou non.",
        "Où est passée la clé de l'hôtel ? Personne ne l'a trouvée.",
        "« Ça ne fait rien », a répondu le garçon, « nous réessaierons demain. »",
        "Les élèves préfèrent les œufs à la crème brûlée.",
        "Le château a été construit au XIIe siècle.",
        "Peut-être qu'il n'y a plus de pain à la boulangerie.",
    ],
    "de": [
        "Die müde Krankenschwester sagte, dass sie zu spät zur Abendschicht komme.",
        "Der große Fluß überschwemmte die Straßen der Stadt.",
        "Können Sie mir bitte erklären, wie das Gerät funktioniert?",
        "Die Geschwindigkeitsbegrenzung auf der Autobahn wurde aufgehoben.",
        "Äpfel, Öl und Übermut: alles kostet 3,50 € das Stück.",
    ],
    "es": [
        "¿Dónde están los niños? ¡Qué día tan bonito!",
        "La enfermera cansada dijo que llegaba tarde al turno de noche.",
        "El señor Muñoz compró una pequeña cafetería en España.",
    ],
    "ru": [
        "Уставшая медсестра сказала, что опаздывает на вечернюю смену.",
        "Маленькая лодка пересекла реку до начала бури.",
        "Ёжик съел яблоко, а потом уснул под деревом.",
    ],
    "zh": [
        "疲惫的护士说她上夜班要迟到了。",
        "我昨天在图书馆借了三本书，今天就看完了两本。",
        "这台机器为什么停止工作？没有人知道。",
    ],
    "ja": [
        "疲れた看護師は、夜勤に遅れると言いました。",
        "図書館で本を三冊借りました。ｶﾀｶﾅとひらがな。",
    ],
    "ar": [
        "قالت الممرضة المتعبة إنها متأخرة عن نوبة المساء.",
        "عبر قارب صغير النهر قبل وصول العاصفة.",
    ],
    "hi": [
        "थकी हुई नर्स ने कहा कि वह शाम की पाली के लिए देर से आई।",
        "नदी के पार एक छोटी नाव गई।",
    ],
    "code": [
        "def attribute(self, inputs, target=None): return self.model(inputs)[target]",
        "for (int i = 0; i < n; ++i) { total += values[i] * weights[i]; }",
        "let x: Vec<u32> = ids.iter().map(|&id| id + 1).collect();",
        "https://example.org/path?query=1&lang=fr#section-2",
    ],
}

_WORDS = {
    "en": (["nurse", "doctor", "teacher", "engineer", "farmer", "writer", "lawyer", "painter"],
           ["said", "thought", "wrote", "remembered", "forgot", "explained", "believed"],
           ["he", "she", "they", "nobody", "the president"],
           ["was late", "had arrived", "would win", "needed help", "could not sleep", "was reading a book"]),
    "fr": (["infirmière", "médecin", "institutrice", "ingénieur", "paysan", "écrivaine", "avocat", "peintre"],
           ["a dit", "pensait", "a écrit", "s'est souvenu", "a oublié", "a expliqué", "croyait"],
           ["il", "elle", "on", "personne", "le président"],
           ["était en retard", "est arrivé", "gagnera", "avait besoin d'aide", "ne dormait pas", "lisait un livre"]),
}


def corpus():
    """Training text: the sentences above, and some thousand that follow from a small grammar."""
    rng = random.Random(7)
    lines = [line for lines in SENTENCES.values() for line in lines for _ in range(4)]
    for _ in range(700):
        a, v, p, e = (rng.choice(words) for words in _WORDS["en"])
        lines.append(f"The {a} {v} that {p} {e}.")
        a, v, p, e = (rng.choice(words) for words in _WORDS["fr"])
        lines.append(f"{a.capitalize()} {v} que {p} {e}.")
    rng.shuffle(lines)
    return lines


_HARD = [
    "", " ", "  ", "\t", "\n", "\r\n", " \t \n ", "\u00a0", "\u3000", "\u200b", "\ufeff", "a", "▁", "▁▁", "▁a", "a▁", " ▁ ",
    ".", "...", "…", "!?", "''", "``", "\"", "«»", "“quoted”", "‘single’", "–", "—", "-", "--", "_", "__init__",
    "</s>", "<unk>", "<pad>", "<s>", "a</s>", "</s>a", "a </s> b", "</s></s>", "<unk> <unk>", "x<pad>y", "< /s>", "</S>", "<<", ">>",
    ">>fra<<", ">>fra<< hello", ">>fra<<hello", " >>fra<< hello", ">>deu<< Guten Tag", ">>xyz<< unknown code", ">>fra", ">>fra<",
    ">><<", ">>>fra<<<", ">>fra<< >>deu<< two", "hello >>fra<< there", "a</s>>>fra<< b", ">>fra<<</s>x", ">>fra<<\n\nx",
    "hello world", "hello  world", " hello world", "hello world ", "  hello   world  ", "hello\tworld", "hello\nworld", "hello\r\nworld",
    "hello\u00a0world", "hello\u3000world", "hello\u200bworld", "hello\u200dworld", "hello\u00adworld", "hel\u0301lo", "he\u0301\u0302llo",
    "\u0000", "a\u0000b", "\u0001\u0002\u0003", "a\u0007b", "\u001b[31mred\u001b[0m", "\u007f", "a\u0085b", "\u2028", "a\u2029b",
    "\ue000", "\ufffd", "\ufffe", "a\ufdd0b", "\U0010ffff", "\U000e0001", "\u202eRTL\u202c", "\u200eLTR\u200f", "\u2066x\u2069",
    "é", "e\u0301", "Å", "A\u030a", "Å", "ﬁ", "ﬂ", "ﬃ", "½", "²", "x²", "①", "Ⅳ", "™", "№", "㎏", "㍿", "ａｂｃ", "ＡＢＣ１２３", "ｶﾞ", "ﾊﾟ", "ｱ",
    "ﷺ", "ﷻ", "ﻼ", "لا", "ﬀ", "ĳ", "ŉ", "ſ", "ẛ̣", "K", "Ω", "µ", "μ", "İ", "ı", "ẞ", "ß", "ς", "Σ",
    "각", "각", "한국어", "한국어 문장입니다.", "ᄒ", "ᄒ\u1161", "นี่คือประโยค", "ແມ່ນ", "ဗမာ", "தமிழ்", "తెలుగు", "ქართული", "Ελληνικά",
    "עברית", "שָׁלוֹם", "العربية", "مَرْحَبًا", "فارسی", "हिन्दी", "नमस्ते", "বাংলা", "中文", "繁體中文", "日本語", "ひらがな", "カタカナ",
    "Привет", "привет, мир", "Ёлка", "Ђорђе", "Қазақ", "Tiếng Việt", "Đà Nẵng", "Zażółć gęślą jaźń", "Çiğ köfte", "Þórr", "Łódź",
    "😀", "😀😀", "a😀b", "👍🏽", "👨‍👩‍👧‍👦", "🇫🇷", "🏳️‍🌈", "❤️", "☺", "♥", "✓", "→", "∑∫√", "∀x∈ℝ", "𝒜𝓑", "𝟘𝟙", "🄰", "🅰️", "\U0001f9d1\u200d\U0001f4bb",
    "0", "1", "12", "123", "1234567890", "3.14", "1,000,000", "1e-5", "0x1F", "-7", "+33 1 23 45 67 89", "12:34:56", "2021-03-04",
    "$5", "€5", "£5", "¥5", "5%", "5 %", "100‰", "a=b", "a==b", "a!=b", "a<=b", "x->y", "a::b", "f(x)", "{a: [1, 2]}", "\\", "\\n", "/", "//",
    "user@example.org", "https://example.org/a?b=c&d=e", "C:\\path\\file.txt", "../../etc", "#hashtag", "@mention", "a_b_c", "camelCaseWord",
    "<script>alert(1)</script>", "&amp;", "<br/>", "[MASK]", "[CLS]", "<mask>", "<extra_id_0>", "<0x41>", "<0xE2><0x96>", "<0x0A>",
    "I'm", "don't", "we've", "they're", "it's", "l'eau", "aujourd'hui", "L’été", "o'clock", "rock'n'roll", "John's", "James'",
    "hello .", "hello , world", "hello ?", "is n't", "I 'm", "he 's", "we 've", "they 're", "a ' b", "no !", "wait ; what : this",
    "a" * 30, "a" * 200, "ab" * 100, "é" * 60, "中" * 60, "😀" * 30, "▁" * 20, " " * 50 + "x", "x" + " " * 50, "x" + " " * 50 + "y",
    "antidisestablishmentarianism", "Donaudampfschifffahrtsgesellschaftskapitän", "pneumonoultramicroscopicsilicovolcanoconiosis",
    "q" * 64, "Zz" * 40, "!" * 64, "-" * 80, "=" * 40, "." * 33, "\n" * 20, "\t" * 9, "a " * 60, "1 " * 50, "</s> " * 10,
    "USER", "USERUSER", "xUSERy", "<sep>", "a<sep>b", "<sep><sep>", "the<sep>nurse", "ＵＳＥＲ", "<SEP>",
    "<ent>", "a <ent> b", "a<ent>b", "<ent> ", "  <ent>  ", "<ent><ent>", "<ent>s", "foo bar", "foo", "foobar", "a foo b", "foofoo", "foo foo", "xfoo",
    "barfoo", "foo,", "\u001cfoo\u001c", "\u00a0<ent>\u00a0", "fo", "<en", "<ent", "bar baz", "<bos>", "[SEP2]", "[SEP2]x", " [SEP2] ",
    "<|endoftext|>", "a <|endoftext|> b", "<|im_start|>user\nhello<|im_end|>\n", "<tool_call>x</tool_call>", "<|pad|>", "[CLS]a",
    "en_XX", "hello en_XX", "fra_Latn bonjour", "__fr__ bonjour", "bonjour__fr__", "<mask_1> a <mask_2>", "<unk_2>x", "a <mask> b",
    "  <mask>", "<start_of_turn>user\nhello<end_of_turn>", "[INST] hello [/INST]", "<madeupword0>", "a <extra_id_3> b<extra_id_4>",
    "ab</s>", "a </s>  ", "12345 6789", "DON'T we'LL I'd", "a\n\nb \n c", "        def f():\n\t\t\treturn 1", "a\u0300b e\u0301",
]


def strings(count=500):
    """Strings to compare tokenizers over: hard ones by hand, sentences, and seeded mixtures of both."""
    out = list(dict.fromkeys(_HARD))
    out += [line for lines in SENTENCES.values() for line in lines]
    rng = random.Random(11)
    pool = [line for lines in SENTENCES.values() for line in lines]
    glue = [" ", "  ", "", "\n", "\t", " — ", ", ", "</s>", " >>fra<< ", "\u00a0", "😀", "▁", "<ent>", "foo", "<sep>"]
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ éèàçßñöüœ0123456789.,;:!?'\"()-_/<>▁中文日本語жшщяابتकखग😀🎉\u0301\u200d\u00a0\n\t"
    while len(out) < count:
        kind = len(out) % 4
        if kind == 0:
            text = rng.choice(glue).join(rng.sample(rng.choice(pool).split(" "), k=1) + [rng.choice(_HARD)[:40]])
        elif kind == 1:
            text = "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60)))
        elif kind == 2:
            words = [w for line in rng.sample(pool, 3) for w in line.split(" ")]
            text = rng.choice(glue).join(rng.sample(words, min(len(words), rng.randint(2, 8))))
        else:
            text = "".join(chr(rng.choice([rng.randint(32, 126), rng.randint(0xA0, 0x2FFF), rng.randint(0x3000, 0xD7FF),
                                           rng.randint(0xE000, 0xFFFF), rng.randint(0x10000, 0x1FFFF)]))
                           for _ in range(rng.randint(1, 20)))
        if text not in out:
            out.append(text)
    return out
