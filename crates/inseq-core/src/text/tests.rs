use super::*;

fn tokens(texts: &[&str]) -> Vec<Token> {
    texts.iter().map(|text| Token::new(*text, 1)).collect()
}

/// What a byte-level tokenizer makes of parts of a text, by its definition (GPT-2's `bytes_to_unicode`).
fn byte_level(parts: &[&[u8]]) -> Vec<Token> {
    let printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut table = Vec::new();
    let mut next = 256;
    for byte in 0..256 {
        table.push(if printable(byte) { byte } else { next });
        next += u32::from(!printable(byte));
    }
    let spell =
        |part: &[u8]| -> String { part.iter().filter_map(|byte| char::from_u32(table[usize::from(*byte)])).collect() };
    parts.iter().map(|part| Token::new(spell(part), 1)).collect()
}

/// The groups as texts.
fn groups_of(tokens: &[Token], groups: Vec<Range<usize>>) -> Vec<String> {
    let merged = |group: Range<usize>| match text::pieces(&[Token::joined(&with_pieces(tokens)[group])]).remove(0) {
        Piece::Text(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => format!("{other:?}"),
    };
    groups.into_iter().map(merged).collect()
}

use crate::text;

fn with_pieces(tokens: &[Token]) -> Vec<Token> {
    tokens.iter().cloned().zip(pieces(tokens)).map(|(token, piece)| token.with_piece(piece)).collect()
}

fn texts(texts: &[&[u8]]) -> Vec<Token> {
    texts.iter().map(|text| Token::new("?", 1).with_piece(Piece::Text(text.to_vec()))).collect()
}

#[test]
fn every_byte_has_its_character() {
    for byte in 0..=u8::MAX {
        let spelled = byte_level(&[&[byte]]);
        let characters: Vec<char> = spelled[0].text.chars().collect();
        assert_eq!(characters.iter().map(|c| byte_of_character(*c)).collect::<Vec<_>>(), [Some(byte)]);
    }
    assert_eq!(['▁', ' ', '→', 'ń'].map(byte_of_character), [None; 4]);
}

#[test]
fn byte_level_spelling_is_read_as_text() {
    let tokens = byte_level(&["été".as_bytes(), " na".as_bytes(), b"\xc3", b"\xaf", b"ve", b"\n"]);
    assert_eq!(tokens[0].text, "Ã©tÃ©");
    let expected: [&[u8]; 6] = ["été".as_bytes(), b" na", b"\xc3", b"\xaf", b"ve", b"\n"];
    assert_eq!(pieces(&tokens), expected.map(|bytes| Piece::Text(bytes.to_vec())));
    // A part of a text that begins inside a character.
    assert_eq!(pieces(&tokens[3..]), expected[3..].iter().map(|b| Piece::Text(b.to_vec())).collect::<Vec<_>>());
}

#[test]
fn text_that_is_not_byte_level_stays_as_it_is() {
    for texts in [
        &["été", "naïve"][..],
        &["māja", "ģimene", "ķēde"],
        &["Łódź", "ćma"],
        &["▁Ã", "©"],
        &["ÂME", "ÉTÉ"],
        &["今天", "天气"],
        &["Ġejna", "ġurnata"],
    ] {
        for (token, piece) in tokens(texts).iter().zip(pieces(&tokens(texts))) {
            let Piece::Text(bytes) = piece else { panic!("{texts:?}") };
            let text = String::from_utf8(bytes).unwrap();
            let marks = ['▁', 'Ġ'];
            assert_eq!(text.trim_start(), token.text.trim_start_matches(marks), "{texts:?}");
        }
    }
}

#[test]
fn words_stand_between_spaces() {
    for (tokens, expected) in [
        (
            byte_level(&[b"the", b" cat", b"\n", b"the", b" dog", b" ran"]),
            &["the", " cat", "\n", "the", " dog", " ran"][..],
        ),
        (texts(&[b"the", b" cat", b"\n\n", b"  ", b" dog"]), &["the", " cat", "\n\n", "   dog"]),
        (
            texts(&[b" na", b"\xc3", b"\xaf", b"ve", b" [", b"12", b"]", b" don", b"'t", b"."]),
            &[" naïve", " [12]", " don't."],
        ),
        (
            tokens(&["▁L", "'", "infirm", "ière", "▁a", "▁dit", ",", "</s>"]),
            &[" L'infirmière", " a", " dit,", "Special"],
        ),
        (tokens(&["<s>", "▁", "na", "<0xC3>", "<0xAF>", "ve", "▁[", "12", "]"]), &["Special", " naïve", " [12]"]),
        (tokens(&["▁na", "<unk>", "ve"]), &[" na<unk>ve"]),
        (texts(&[b"a", b" ", b" ", b"b", b" "]), &["a", "  b "]),
    ] {
        assert_eq!(groups_of(&tokens, words(&tokens)), expected);
    }
    let chinese = tokens(&["▁", "今天", "天气", "很好", "。", "我", "喜欢"]);
    assert_eq!(groups_of(&chinese, words(&chinese)), [" 今天", "天气", "很好。", "我", "喜欢"]);
    // A line end that the vocabulary lacks.
    let mut lines = texts(&[b"the", b" cat", b"t", b"he"]);
    lines[2].skipped = "\n".to_owned();
    assert_eq!(words(&lines), [0..1, 1..2, 2..4]);
    // A cleaned text of which nobody knows the spaces.
    assert_eq!(words(&tokens(&["infirm", "ière", "."])), [0..1, 1..2, 2..3]);
}

#[test]
fn words_of_scripts_without_spaces_end_at_unicodes_bounds() {
    // UAX #29: no bound within Katakana (WB13), nor before a mark (WB4); one between all other letters of these scripts (WB999).
    for (text, expected) in [
        ("今天很好。我喜欢猫。", &["今", "天", "很", "好。", "我", "喜", "欢", "猫。"][..]),
        ("彼は「猫」が好き。", &["彼", "は", "「猫」", "が", "好", "き。"]),
        ("カラオケ屋", &["カラオケ", "屋"]),
        ("สวัสดี", &["ส", "วั", "ส", "ดี"]),
        ("iPhone手机 ok", &["iPhone", "手", "机", " ok"]),
    ] {
        let characters: Vec<Token> =
            text.chars().map(|c| Token::new(c, 1).with_piece(Piece::Text(c.to_string().into()))).collect();
        assert_eq!(groups_of(&characters, words(&characters)), expected);
        // Bytes of one character are never parted.
        let bytes: Vec<Token> =
            text.bytes().map(|byte| Token::new("?", 1).with_piece(Piece::Text(vec![byte]))).collect();
        assert_eq!(groups_of(&bytes, words(&bytes)), expected);
    }
}

#[test]
fn sentences_are_unicodes() {
    for (tokens, expected) in [
        (tokens(&["今天", "天气", "很好", "。", "我", "喜欢", "猫", "。"]), &["今天天气很好。", "我喜欢猫。"][..]),
        (tokens(&["▁I", "▁came", ".", "<0x0A>", "▁I", "▁s", "<unk>", "w", "."]), &[" I came.\n", " I s<unk>w."]),
        (tokens(&["▁I", "▁came", ".", "▁", "<unk>", "▁left", "."]), &[" I came.", " <unk> left."]),
        (byte_level(&[b"Mr", b".", b" Fox", b" ran", b".", b" Why", b"?"]), &["Mr. Fox ran.", " Why?"]),
        (byte_level(&[b"It", b" is", b" 3", b".", b"5", b" m", b"."]), &["It is 3.5 m."]),
        (byte_level(&[b"One", b"\n", b"Two", b"\r\n", b"Three"]), &["One\n", "Two\r\n", "Three"]),
        (byte_level(&[b"The", b" cat", b"\n", b"and", b" dogs", b"."]), &["The cat\nand dogs."]),
    ] {
        assert_eq!(groups_of(&tokens, sentences(&tokens)), expected);
    }
}
