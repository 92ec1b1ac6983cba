//! Attributions made up to look like real ones, in several scripts.

use inseq_core::{AttributionKind, AttributionResult, SequenceAttribution, Token};
use inseq_core::{Citations, CitedSentence, CitedSource, ContextAttribution, ContextCues, ContextInfo, SourceScore};
use ndarray::{Array1, Array2};

/// A small reproducible generator, so that the pictures are the same everywhere.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// An attribution of an encoder-decoder: `alignment` names, for each generated token, the source tokens that matter.
fn translation(source: &[&str], target: &[&str], alignment: &[&[usize]], seed: u64) -> SequenceAttribution {
    let tokens = |texts: &[&str]| -> Vec<Token> {
        texts.iter().enumerate().map(|(id, text)| Token::new(*text, id as u32)).collect()
    };
    let steps = target.len() - 1;
    let mut noise = Noise(seed);
    let mut from_source = Array2::from_shape_fn((source.len(), steps), |_| 0.15 * noise.next().powi(2));
    let mut from_target = Array2::from_elem((target.len(), steps), f32::NAN);
    for step in 0..steps {
        for (rank, &position) in alignment[step % alignment.len()].iter().enumerate() {
            if position < source.len() {
                from_source[[position, step]] += (0.9 - 0.35 * rank as f32) * (0.6 + 0.4 * noise.next());
            }
        }
        for position in 0..=step {
            let distance = (step - position) as f32;
            from_target[[position, step]] = 0.3 * noise.next() / (1.0 + distance);
        }
        let total: f32 = from_source.column(step).sum()
            + from_target.column(step).iter().filter(|score| !score.is_nan()).sum::<f32>();
        from_source.column_mut(step).mapv_inplace(|score| score / total);
        from_target.column_mut(step).mapv_inplace(|score| score / total);
    }
    let probability = Array1::from_shape_fn(steps, |_| 1.0 - 0.6 * noise.next().powi(3));
    let entropy = probability.mapv(|probability: f32| 6.0 * (1.0 - probability) + 0.04);
    SequenceAttribution {
        source: tokens(source),
        target: tokens(target),
        source_attributions: Some(from_source.into_dyn()),
        target_attributions: Some(from_target.into_dyn()),
        step_scores: [("probability".to_owned(), probability), ("entropy".to_owned(), entropy)].into_iter().collect(),
        sequence_scores: Default::default(),
        attr_pos_start: 1,
        attr_pos_end: target.len(),
        kind: AttributionKind::Coarse,
        ..SequenceAttribution::default()
    }
}

/// English to French, with the gender of one noun decided by a pronoun.
pub fn french() -> SequenceAttribution {
    translation(
        &["▁The", "▁tired", "▁nurse", "▁said", "▁that", "▁she", "▁was", "▁late", ".", "</s>"],
        &[
            "<pad>",
            "▁L",
            "'",
            "infirmière",
            "▁fatiguée",
            "▁a",
            "▁dit",
            "▁qu",
            "'",
            "elle",
            "▁était",
            "▁en",
            "▁retard",
            ".",
            "</s>",
        ],
        &[&[0, 2], &[0], &[2, 5], &[1, 5], &[3], &[3], &[4], &[4], &[5], &[6], &[7], &[7], &[8], &[9]],
        3,
    )
}

/// English to Japanese: wide glyphs.
pub fn japanese() -> SequenceAttribution {
    translation(
        &["▁The", "▁tired", "▁nurse", "▁said", "▁she", "▁was", "▁late", ".", "</s>"],
        &["<pad>", "▁", "疲れた", "看護師", "は", "、", "彼女", "が", "遅刻した", "と", "言った", "。", "</s>"],
        &[&[0], &[1], &[2], &[2, 0], &[3], &[4], &[5], &[6, 5], &[3], &[3], &[7], &[8]],
        5,
    )
}

/// English to Arabic: text from right to left.
pub fn arabic() -> SequenceAttribution {
    translation(
        &["▁The", "▁tired", "▁nurse", "▁said", "▁she", "▁was", "▁late", ".", "</s>"],
        &["<pad>", "▁قالت", "▁الممرضة", "▁المت", "عبة", "▁إنها", "▁تأخرت", ".", "</s>"],
        &[&[3, 4], &[2, 4], &[1], &[1, 2], &[4], &[6, 5], &[7], &[8]],
        7,
    )
}

/// A long German sentence: many columns, long words.
pub fn german() -> SequenceAttribution {
    let source = "▁The ▁committee ▁for ▁the ▁protection ▁of ▁the ▁constitution ▁has ▁announced ▁that ▁the ▁new ▁data ▁protection ▁regulation ▁of ▁the ▁European ▁Union ▁will ▁apply ▁to ▁all ▁companies ▁that ▁process ▁personal ▁data . </s>";
    let target = "<pad> ▁Der ▁Ausschuss ▁für ▁den ▁Schutz ▁der ▁Verfassung ▁hat ▁angekündigt , ▁dass ▁die ▁neue ▁Datenschutz grund verordnung ▁der ▁Europäischen ▁Union ▁für ▁alle ▁Unternehmen ▁gilt , ▁die ▁personen bezogene ▁Daten ▁verarbeiten . </s>";
    let (source, target): (Vec<&str>, Vec<&str>) = (source.split(' ').collect(), target.split(' ').collect());
    let alignment: [&[usize]; 31] = [
        &[0],
        &[1],
        &[2],
        &[3],
        &[4],
        &[6, 5],
        &[7],
        &[8],
        &[9],
        &[10],
        &[10],
        &[11],
        &[12],
        &[13, 14],
        &[14],
        &[15],
        &[17, 16],
        &[18],
        &[19],
        &[22],
        &[23],
        &[24],
        &[21, 20],
        &[25],
        &[25],
        &[27],
        &[27, 28],
        &[28],
        &[26],
        &[29],
        &[30],
    ];
    translation(&source, &target, &alignment, 11)
}

/// Scores of both signs.
pub fn signed() -> SequenceAttribution {
    let mut sequence = french();
    let mut noise = Noise(23);
    let flip = |scores: &mut Option<ndarray::ArrayD<f32>>, noise: &mut Noise| {
        if let Some(scores) = scores {
            scores.mapv_inplace(|score| if noise.next() < 0.3 { -score } else { score });
        }
    };
    flip(&mut sequence.source_attributions, &mut noise);
    flip(&mut sequence.target_attributions, &mut noise);
    sequence
}

/// As the French one, by 4 layers of 6 heads: each head looks a little elsewhere.
pub fn heads() -> SequenceAttribution {
    let mut sequence = french();
    let mut noise = Noise(29);
    for scores in [&mut sequence.source_attributions, &mut sequence.target_attributions].into_iter().flatten() {
        let (rows, steps) = (scores.shape()[0], scores.shape()[1]);
        let of_head = |row: usize, step: usize, layer: usize, head: usize, noise: &mut Noise| {
            let sharpness = 0.5 + layer as f32 * 0.7;
            let other = scores[[(row + head) % rows, step]];
            let score = scores[[row, step]];
            if score.is_nan() {
                f32::NAN
            } else {
                (if other.is_nan() || head < 3 { score } else { other }).powf(sharpness) * (0.4 + noise.next())
            }
        };
        let mut heads = ndarray::Array4::zeros((rows, steps, 4, 6));
        for ((row, step, layer, head), entry) in heads.indexed_iter_mut() {
            *entry = of_head(row, step, layer, head, &mut noise);
        }
        *scores = heads.into_dyn();
    }
    sequence.kind = AttributionKind::MultiDimensional { dimensions: vec!["layer".into(), "head".into()] };
    sequence
}

/// Texts of some number of source and of target tokens.
pub fn many(count: usize, length: usize) -> Vec<SequenceAttribution> {
    const WORDS: [&str; 24] = [
        "the", "nurse", "said", "that", "door", "white", "late", "river", "house", "tired", "was", "green", "old",
        "city", "music", "before", "never", "small", "garden", "winter", "letter", "bread", "under", "light",
    ];
    (0..count)
        .map(|text| {
            let word =
                |index: usize, salt: usize| WORDS[(index * 7 + text * 13 + salt * (index / 3 + 1)) % WORDS.len()];
            let tokens =
                |salt: usize| (0..length - 1).map(|index| format!("▁{}", word(index, salt))).collect::<Vec<_>>();
            let (source, target) = (tokens(1), tokens(5));
            let source: Vec<&str> = source.iter().map(String::as_str).chain(["</s>"]).collect();
            let target: Vec<&str> =
                ["<pad>"].into_iter().chain(target.iter().map(String::as_str)).chain(["</s>"]).collect();
            let alignment: Vec<[usize; 2]> = (0..length).map(|step| [step, (step * 5 + text) % length]).collect();
            let alignment: Vec<&[usize]> = alignment.iter().map(|positions| positions.as_slice()).collect();
            translation(&source, &target, &alignment, text as u64)
        })
        .collect()
}

/// Tokens of a byte-level tokenizer, as it spells them.
pub fn bytes() -> SequenceAttribution {
    translation(
        &["The", "Ġna", "Ã", "¯", "ve", "Ġsummer", ".", "Ċ", "<|endoftext|>"],
        &["<pad>", "L", "'", "Ã©tÃ©", "Ġna", "Ã¯f", "Ġ", "Â«", "Ã", "ł", "sÃ»r", "Â»", ".", "Ċ", "<|endoftext|>"],
        &[&[0], &[0], &[5], &[1, 2], &[3, 4], &[5], &[6], &[7], &[8]],
        17,
    )
}

/// Punctuation that has a meaning in TeX, in HTML and in a shell.
pub fn punctuation() -> SequenceAttribution {
    translation(
        &[
            "▁\\input{x}",
            "▁a_1^2",
            "~",
            "▁50%",
            "▁#1",
            "▁&",
            "▁$x$",
            "▁{",
            "}",
            "▁<b>",
            "▁[12]",
            "▁\"a\"",
            "'",
            "`",
            "▁a--b",
            "</s>",
        ],
        &[
            "<pad>", "▁«", "▁\"-", "\"=", "▁?`", "▁!", ":", ";", "▁»", "▁“", "”", "▁|", "@", "*", "+", "/", ",,", "…",
            "</s>",
        ],
        &[&[0], &[1], &[2, 3], &[5], &[6], &[8], &[9], &[11], &[12]],
        19,
    )
}

/// Tokens that try to break out of the picture.
pub fn hostile() -> SequenceAttribution {
    translation(
        &["▁<script>alert(1)</script>", "\u{1b}[2J", "a\nb", "\u{202e}evil", "</s>"],
        &[
            "<pad>",
            "<script>",
            "</script><!--",
            "\u{1b}]0;pwned\u{7}",
            "\"onload=\"x",
            "=1+1",
            "e\u{301}",
            "\u{200b}",
            "👩\u{200d}👩\u{200d}👧",
            "</s>",
        ],
        &[&[0], &[1], &[2], &[3]],
        13,
    )
}

/// A result of one sequence or several, with what a real one says about how it was made.
pub fn result(sequences: Vec<SequenceAttribution>) -> AttributionResult {
    let info = [
        ("model_name", "Helsinki-NLP/opus-mt-en-fr"),
        ("attribution_method", "integrated_gradients"),
        ("attributed_fn", "probability"),
        ("attribution_date", "2025-05-14 10:12:33"),
    ];
    let info = info.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    AttributionResult { sequences, steps: None, info }
}

/// An answer of two tokens that depend on the contexts, of which one has a contrast.
pub fn context() -> ContextAttribution {
    let tokens = |words: &str| -> Vec<String> { words.split(' ').map(str::to_owned).collect() };
    let input = "▁The ▁tired ▁nurse ▁said ▁that ▁she ▁was ▁late ▁& ▁left ▁100% ▁of ▁the ▁work_ .";
    let output = "▁L ' infirmière ▁fatiguée ▁a ▁dit";
    let scores = |strong: &[(usize, f32)], count: usize| -> Vec<f32> {
        let score = |index: usize| strong.iter().find(|(at, _)| *at == index).map_or(0.02, |(_, score)| *score);
        (0..count).map(score).collect()
    };
    let cues =
        |index: usize, token: &str, contrast: &str, strong: &[(usize, f32)], before: &[(usize, f32)]| ContextCues {
            cti_idx: index,
            cti_token: token.to_owned(),
            cti_score: if index == 2 { 2.25 } else { 1.5 },
            contrast_token: Some(contrast.to_owned()),
            input_context_scores: Some(scores(strong, 15)),
            output_context_scores: Some(scores(before, 6)),
            ..ContextCues::default()
        };
    let arguments = serde_json::json!({
        "model_name_or_path": "a model",
        "context_sensitivity_metric": "kl_divergence",
        "attribution_method": "saliency",
        "attributed_fn": "contrast_prob_diff",
        "input_current_text": "Where is she?",
    });
    ContextAttribution {
        input_context: Some("The tired nurse said that she was late & left 100% of the work_.".into()),
        input_context_tokens: Some(tokens(input)),
        output_context: Some("L'infirmière fatiguée a dit".into()),
        output_context_tokens: Some(tokens(output)),
        output_current: "Où est-elle fatiguée ?".into(),
        output_current_tokens: tokens("▁Où ▁est -elle ▁fatiguée ▁?"),
        cti_scores: vec![0.1, 0.2, 2.25, 1.5, 0.05],
        cci_scores: vec![
            cues(2, "-elle", "-il", &[(2, 0.6), (5, 1.2)], &[(2, 0.9)]),
            cues(3, "▁fatiguée", "▁perdue", &[(1, 0.8)], &[(3, 0.7)]),
        ],
        info: Some(ContextInfo {
            arguments: arguments.as_object().cloned().unwrap_or_default(),
            ..ContextInfo::default()
        }),
    }
}

/// Three sentences that rest on three of four sources.
pub fn citations() -> Citations {
    let answer = ["The nurse was late.", "She had worked {all} night; 100% of it.", "It rained."];
    let sources = [
        ("report.txt", "The nurse came at nine, and the ward opens at eight."),
        ("mails.jsonl:3", "Dear all, I did the whole night alone. Best, N."),
        ("weather_log.md", "No rain today."),
        (
            "rota.txt",
            "Monday: day. Tuesday: night. Wednesday: night. Thursday: free. Friday: night. Saturday: day. Sunday: day. \
                      Holidays are agreed upon with the head of the ward at least a month before they begin, in writing, and \
                      never for more than two weeks at a time. Nights are swapped by agreement of both, which the head confirms.",
        ),
    ];
    let scores = [[4.1, 0.3, -0.2, 0.1], [0.2, 3.2, 0.0, 1.9], [0.0, -0.1, -2.4, 0.05]];
    let mut from = 0;
    let sentence = |(text, scores): (&str, [f64; 4])| {
        let span = (from, from + text.chars().count());
        from = span.1 + 1;
        CitedSentence {
            text: text.to_owned(),
            span,
            tokens: 6,
            log_probability: -2.5,
            contextless_log_probability: -7.25,
            scores: scores
                .map(|score| SourceScore { score, confidence: Some(0.9), gain: (score > 0.0).then_some(score / 2.0) })
                .to_vec(),
            ..CitedSentence::default()
        }
    };
    Citations {
        model: "a model".into(),
        method: "context_cite".into(),
        sentences: answer.into_iter().zip(scores).map(sentence).collect(),
        answer: answer.join(" "),
        sources: sources
            .map(|(name, text)| CitedSource { name: name.into(), text: text.into(), span: (0, 1), message: None })
            .to_vec(),
        contextless_answer: Some("I do not know.".into()),
        forwards: 64,
        ..Citations::default()
    }
}
