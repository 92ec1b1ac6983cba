//! Scores as short numbers: two or three significant digits, with the same number of decimals in a whole table.

/// Number format of one table or row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberFormat {
    notation: Notation,
    leading_zero: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    Decimals(usize),
    Scientific,
}

impl NumberFormat {
    /// The format for numbers up to the largest finite magnitude among `values`.
    pub fn fitting(values: impl IntoIterator<Item = f32>) -> Self {
        let largest = values
            .into_iter()
            .filter(|value| value.is_finite())
            .fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let notation = match largest {
            0.0 => Notation::Decimals(2),
            largest if largest < 0.000_95 => Notation::Scientific,
            largest if largest < 0.095 => Notation::Decimals(3),
            largest if largest < 9.995 => Notation::Decimals(2),
            largest if largest < 99.95 => Notation::Decimals(1),
            largest if largest < 9_999.5 => Notation::Decimals(0),
            _ => Notation::Scientific,
        };
        Self { notation, leading_zero: true }
    }

    /// Writes `.12` for 0.12, for columns that are too narrow for the zero.
    pub fn without_leading_zero(mut self) -> Self {
        self.leading_zero = false;
        self
    }

    /// The number as text; empty for NaN.
    pub fn write(&self, value: f32) -> String {
        if value.is_nan() {
            return String::new();
        }
        if value.is_infinite() {
            return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
        }
        let text = match self.notation {
            Notation::Scientific if value == 0.0 => "0".to_owned(),
            Notation::Scientific => format!("{value:.0e}"),
            Notation::Decimals(decimals) => format!("{value:.decimals$}"),
        };
        let (sign, digits) = match text.strip_prefix('-') {
            // What rounds to zero has no sign left to show.
            Some(digits) if digits.chars().any(|digit| digit.is_ascii_digit() && digit != '0') => ("-", digits),
            Some(digits) => ("", digits),
            None => ("", text.as_str()),
        };
        let digits = if self.leading_zero {
            digits
        } else {
            digits.strip_prefix('0').filter(|rest| rest.starts_with('.')).unwrap_or(digits)
        };
        format!("{sign}{digits}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_the_size() {
        for (largest, value, expected) in [
            (0.5, 0.123, "0.12"),
            (1.0, -0.001, "0.00"),
            (0.05, 0.0123, "0.012"),
            (12.0, 3.21, "3.2"),
            (250.0, -3.21, "-3"),
            (123_456.0, 123_456.0, "1e5"),
            (0.0001, 0.0001, "1e-4"),
            (0.5, f32::NAN, ""),
            (0.5, f32::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(NumberFormat::fitting([largest]).write(value), expected, "{largest} {value}");
        }
        let narrow = NumberFormat::fitting([1.0]).without_leading_zero();
        assert_eq!([0.12, -0.12, 1.0].map(|value| narrow.write(value)), [".12", "-.12", "1.00"]);
        assert_eq!(NumberFormat::fitting([500.0]).without_leading_zero().write(0.2), "0");
    }
}
