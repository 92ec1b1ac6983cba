//! Setters of option structs.

/// Defines a setter for every field of a struct of options, named as the field. The crates of the workspace use it; it is no part of
/// the public interface.
///
/// Each field stands in one of three groups, with the type of the setter's argument: the first, for fields that are set to the
/// argument; `some`, for fields that are set to `Some` of it; and `own`, by name only, for fields whose setters are written by hand.
/// A field in none of them does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! setters {
    (
        $options:ident $(<$life:lifetime>)? { $($field:ident: $type:ty),* $(,)? }
        $(some { $($optional:ident: $inner:ty),* $(,)? })?
        $(own { $($own:ident),* $(,)? })?
    ) => {
        impl $(<$life>)? $options $(<$life>)? {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
            $($(
                #[doc = concat!("Sets [`", stringify!($optional), "`](field@Self::", stringify!($optional), ").")]
                #[must_use]
                pub fn $optional(mut self, $optional: $inner) -> Self {
                    self.$optional = Some($optional.into());
                    self
                }
            )*)?
        }

        // Names every field, so that a new one needs a setter.
        const _: fn(&$options) = |$options { $($field: _,)* $($($optional: _,)*)? $($($own: _,)*)? }| {};
    };
}

#[cfg(test)]
mod tests {
    #[derive(Debug, Default, PartialEq)]
    struct Options {
        count: usize,
        name: String,
        most: Option<usize>,
        title: Option<String>,
        words: Vec<String>,
    }

    crate::setters! {
        Options { count: usize, name: impl Into<String>, most: impl Into<Option<usize>> }
        some { title: impl Into<String> }
        own { words }
    }

    #[test]
    fn each_field_has_a_setter() {
        let options = Options::default().count(2).name("a").most(3).title("b");
        let expected =
            Options { count: 2, name: "a".into(), most: Some(3), title: Some("b".into()), words: Vec::new() };
        assert_eq!(options, expected);
        assert_eq!(options.most(None).most, None);
    }
}
