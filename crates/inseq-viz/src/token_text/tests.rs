use super::*;

fn shown(text: &str) -> TokenText {
    TokenText::new(&Token::new(text, 0))
}

#[test]
fn nothing_active_gets_through() {
    for (text, expected) in [
        ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
        ("\n", "↵"),
        ("\r\n", "↵"),
        ("\t", "⇥"),
        ("a b  c ", "a b␣␣c␣"),
        ("\u{9b}2J", "\\u{9b}2J"),
        ("\u{202e}abc", "\\u{202e}abc"),
        ("\u{200b}", "\\u{200b}"),
        ("\u{301}", "◌\u{301}"),
        (" ", "␣"),
        ("", "∅"),
        ("e\u{301}", "e\u{301}"),
        ("👩\u{200d}👩\u{200d}👧", "👩\u{200d}👩\u{200d}👧"),
        ("<script>", "<script>"),
    ] {
        assert_eq!(shown(text).text, expected, "{text:?}");
    }
}

#[test]
fn markers_and_special_tokens_are_told_apart() {
    assert_eq!(shown("▁hello").word_start, Some('▁'));
    assert_eq!(shown("▁hello").text, "hello");
    assert_eq!(shown("▁").width(), 1);
    assert!(
        ["</s>", "<pad>", ">>fra<<", "<|endoftext|>", "[CLS]", "<extra_id_3>"].iter().all(|text| shown(text).special)
    );
    assert!(["<script>", "s", ">>", "<", "▁<s>", "<>"].iter().all(|text| !shown(text).special));
    assert!(shown("▁مرحبا").right_to_left && shown("שלום").right_to_left && !shown("é").right_to_left);
}

#[test]
fn tokens_spell_their_text() {
    let text = |tokens: &[&str]| {
        let tokens: Vec<Token> = tokens.iter().map(|token| Token::new(*token, 0)).collect();
        reading(&TokenText::of_tokens(&tokens))
    };
    assert_eq!(text(&["▁The", "▁nurse", "s", ".", "</s>"]), "The nurses.");
    assert_eq!(text(&["<pad>", "▁L", "'", "infirm", "ière", "</s>"]), "L'infirmière");
    assert_eq!(text(&["The", "nurse", ",", "tired"]), "The nurse, tired");
    assert_eq!(text(&["私", "は", "。"]), "私は。");
    // Byte-level tokens, as Python inseq saves them.
    assert_eq!(text(&["Ã©tÃ©", "Ġna", "Ã", "¯", "ve", "Ċ", "h", "ouse", "<|endoftext|>"]), "été naïve ↵ house");
    assert_eq!(text(&["h", "o", "u", "s", "e"]), "house");
    assert_eq!(text(&["▁na", "<unk>", "ve"]), "na<unk>ve");
}

#[test]
fn half_a_character_is_a_byte() {
    let tokens = ["Ġ", "Ã", "©t", "Ã©", "Ċ"].map(|text| Token::new(text, 0));
    let shown: Vec<String> = TokenText::of_tokens(&tokens).iter().map(TokenText::spelling).collect();
    assert_eq!(shown, ["Ġ", "<0xC3>", "<0xA9>t", "é", "↵"]);
    let running = TokenText::of_tokens(&tokens);
    assert_eq!(running.iter().map(TokenText::running).collect::<Vec<_>>(), ["▁", "é", "t", "é", "↵"]);
    // 今 of three tokens, then the first half of é.
    let halves: Vec<Token> = [&[0x20, 0xe4][..], &[0xbb], &[0x8a], &[0xc3]]
        .map(|bytes| Token::new("?", 0).with_piece(Piece::Text(bytes.to_vec())))
        .into();
    let running = TokenText::of_tokens(&halves);
    assert_eq!(running.iter().map(TokenText::running).collect::<Vec<_>>(), ["今", "·", "·", "<0xC3>"]);
}

#[test]
fn replacements_are_made_in_the_text() {
    let tokens = ["Ġl", "'", "Ã©tÃ©"].map(|text| Token::new(text, 0));
    let made = |from: &str, to: &str| {
        let shown = TokenText::replaced(&tokens, &[(from.to_owned(), to.to_owned())]);
        (shown.iter().map(TokenText::spelling).collect::<Vec<_>>().join("|"), reading(&shown))
    };
    assert_eq!(made("Ġ", ""), ("l|'|été".to_owned(), "l'été".to_owned()));
    assert_eq!(made("Ġ", " "), ("l|'|été".to_owned(), "l'été".to_owned()));
    assert_eq!(made("é", "e"), ("Ġl|'|ete".to_owned(), "l'ete".to_owned()));
}

#[test]
fn a_compared_token_shows_both() {
    let tokens = [Token::new("ĠL", 1), Token::compared("ĠÃ©tÃ©", &Token::new("Ġhiver", 2)), Token::new("Ċ", 3)];
    let shown = TokenText::of_tokens(&tokens);
    assert_eq!(shown[1].spelling(), "Ġété → Ġhiver");
    assert_eq!(reading(&shown), "L hiver ↵");
    assert!(shown[1].is_spelled("hiver"));
}
