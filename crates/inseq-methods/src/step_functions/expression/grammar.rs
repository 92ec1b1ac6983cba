//! Syntax of expressions, without the meaning of names.

use super::Misread;

/// Largest length of an expression in bytes. It also bounds the nesting, which needs stack.
const LONGEST: usize = 2000;
const DEEPEST: usize = 50;

/// A part of an expression, with the byte offset of its start.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) kind: NodeKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum NodeKind {
    Number(f64),
    /// A quoted text.
    Text(String),
    /// A name, with the arguments in its parentheses, if any.
    Name(String, Option<Vec<Node>>),
    Negated(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
}

/// Operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Result<Node, Misread> {
    if text.len() > LONGEST {
        return Err(Misread { at: LONGEST, message: format!("it is longer than {LONGEST} bytes") });
    }
    let mut depth = 0usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(Misread { at, message: format!("more than {DEEPEST} parentheses are open") });
        }
    }
    expression::whole(text).map_err(|error| {
        let at = error.location.offset;
        let mut expected: Vec<&str> = error.expected.tokens().collect();
        expected.sort_unstable();
        let expected = expected.join(" or ").replace("EOF", "the end");
        let found = text.get(at..).and_then(|rest| rest.chars().next()).map_or("the end".into(), |c| format!("`{c}`"));
        Misread { at, message: format!("expected {expected}, found {found}") }
    })
}

fn joined(a: Node, operator: Operator, b: Node) -> Node {
    Node { at: a.at, kind: NodeKind::Binary(operator, Box::new([a, b])) }
}

peg::parser! {
    grammar expression() for str {
        rule _() = quiet!{[' ' | '\t' | '\n' | '\r']*}

        rule operator(symbol: &'static str)
            = quiet!{character:[_] {? if symbol.starts_with(character) { Ok(()) } else { Err("") } }}
            / expected!("an operator")

        pub(super) rule whole() -> Node = _ node:sum() _ { node }

        rule sum() -> Node = precedence!{
            a:(@) _ operator("+") _ b:@ { joined(a, Operator::Add, b) }
            a:(@) _ operator("-") _ b:@ { joined(a, Operator::Subtract, b) }
            --
            a:(@) _ operator("*") _ b:@ { joined(a, Operator::Multiply, b) }
            a:(@) _ operator("/") _ b:@ { joined(a, Operator::Divide, b) }
            --
            node:signed() { node }
        }

        // Counted rather than nested: any number of them takes no stack.
        rule signed() -> Node = at:position!() minuses:(quiet!{"-"} _)* node:operand() {
            match minuses.len() % 2 {
                1 => Node { at, kind: NodeKind::Negated(Box::new(node)) },
                _ => node,
            }
        }

        rule operand() -> Node
            = quiet!{"("} _ node:sum() _ ")" { node }
            / at:position!() kind:(number() / text() / named()) { Node { at, kind } }
            / expected!("a value")

        rule number() -> NodeKind
            = digits:$(quiet!{digit()+ ("." digit()+)? (['e' | 'E'] ['+' | '-']? digit()+)?}) {?
                digits.parse().map(NodeKind::Number).or(Err("a number"))
            }

        rule digit() = ['0'..='9']

        rule text() -> NodeKind
            = quiet!{"'"} text:$(quiet!{[^ '\'']}*) "'" { NodeKind::Text(text.to_owned()) }
            / quiet!{"\""} text:$(quiet!{[^ '"']}*) "\"" { NodeKind::Text(text.to_owned()) }

        rule named() -> NodeKind
            = name:$(quiet!{['a'..='z' | 'A'..='Z' | '_']['a'..='z' | 'A'..='Z' | '_' | '0'..='9']*})
              arguments:(_ arguments:arguments() { arguments })? { NodeKind::Name(name.to_owned(), arguments) }

        rule arguments() -> Vec<Node> = quiet!{"("} _ nodes:(sum() ** (_ "," _)) _ ")" { nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &Node) -> String {
        match &node.kind {
            NodeKind::Number(value) => value.to_string(),
            NodeKind::Text(text) => format!("'{text}'"),
            NodeKind::Name(name, None) => name.clone(),
            NodeKind::Name(name, Some(arguments)) => {
                format!("{name}({})", arguments.iter().map(shown).collect::<Vec<_>>().join(","))
            }
            NodeKind::Negated(node) => format!("-{}", shown(node)),
            NodeKind::Binary(operator, sides) => format!("({} {operator:?} {})", shown(&sides[0]), shown(&sides[1])),
        }
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        for (text, expected) in [
            ("1 - 2 - 3", "((1 Subtract 2) Subtract 3)"),
            ("1 + 2 * 3", "(1 Add (2 Multiply 3))"),
            ("(1 + 2) * 3", "((1 Add 2) Multiply 3)"),
            ("2*-a/ 4", "((2 Multiply -a) Divide 4)"),
            ("--1", "1"),
            (" logit( target )-logit('▁elle') ", "(logit(target) Subtract logit('▁elle'))"),
            ("max(logit(3), logit(\"it's\"), 1.5e-2)", "max(logit(3),logit('it's'),0.015)"),
        ] {
            assert_eq!(shown(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn errors_say_where() {
        for (text, at, part) in [
            ("", 0, "expected a value, found the end"),
            ("1 +", 3, "expected a value, found the end"),
            ("1 + * 2", 4, "expected a value, found `*`"),
            ("(1 + 2", 6, "\")\""),
            ("1 2", 2, "expected the end or an operator, found `2`"),
            ("logit('a", 8, "\"'\""),
            ("logit(target", 12, "\",\""),
            ("logit(target) § 1", 14, "expected the end or an operator, found `§`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.at == at && error.message.contains(part), "{text}: {error:?}");
        }
        assert!(parse(&"(".repeat(1000)).is_err() && parse(&"1+".repeat(5000)).is_err());
        assert!(parse(&format!("{}1", "-".repeat(1900))).is_ok());
    }
}
