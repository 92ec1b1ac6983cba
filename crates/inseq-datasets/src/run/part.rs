//! The rows of a part: which texts a call takes, and which row an error belongs to.

use inseq_methods::{AttributionRequest, Error as CallError};

use crate::{Error, Result, Row};

/// What came of some rows of a part.
pub(super) enum Outcome<T> {
    /// A call with the rows at these places succeeded.
    Done(Vec<usize>, T),
    /// The row at this place has no attribution, for this reason.
    Failed(usize, String),
}

/// The texts of a call that cannot be read, each with the reason.
pub(super) type Refusals<'a> = dyn Fn(&AttributionRequest) -> Result<Vec<(usize, CallError)>, CallError> + 'a;

/// Calls `call` with the texts of rows, and, if a text is at fault, with fewer and fewer of them until it stands alone. At the first
/// of these, `refusals` gives all texts that cannot be read, so that each text is read a few times at most. The outcomes are in
/// the order of the rows.
///
/// # Errors
/// `call` fails for a reason that is not one text's; and, if `strict`, the first row that has no attribution.
pub(super) fn outcomes<T>(
    rows: &[Row],
    template: &AttributionRequest,
    strict: bool,
    refusals: &Refusals,
    call: &mut dyn FnMut(&AttributionRequest) -> Result<T, CallError>,
) -> Result<Vec<Outcome<T>>> {
    let mut outcomes = Vec::new();
    let mut readable = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        match &row.texts {
            Ok(_) => readable.push(place),
            Err(problem) => outcomes.push(failed(rows, place, problem.clone(), strict)?),
        }
    }
    // The rest of the rows, the next ones last.
    let mut groups = vec![readable];
    let mut are_refusals_known = false;
    while let Some(mut group) = groups.pop() {
        if group.is_empty() {
            continue;
        }
        let request = request(rows, &group, template)?;
        match call(&request) {
            Ok(done) => outcomes.push(Outcome::Done(group, done)),
            Err(error) if is_everyones(&error) => return Err(error.into()),
            Err(error) => match at_fault(&error, &group) {
                Some(index) => {
                    let mut at_fault = match are_refusals_known {
                        true => Vec::new(),
                        false => refusals(&request)?,
                    };
                    are_refusals_known = true;
                    if at_fault.iter().all(|(known, _)| *known != index) {
                        at_fault.push((index, error));
                        at_fault.sort_by_key(|(index, _)| *index);
                    }
                    for (index, error) in &at_fault {
                        outcomes.push(failed(rows, group[*index], error.alone(), strict)?);
                    }
                    let is_at_fault = |place: usize| at_fault.iter().any(|(index, _)| *index == place);
                    let mut place = 0..;
                    group.retain(|_| !place.next().is_some_and(is_at_fault));
                    groups.push(group);
                }
                None => {
                    let (start, end) = group.split_at(group.len() / 2);
                    groups.extend([end.to_vec(), start.to_vec()]);
                }
            },
        }
    }
    outcomes.sort_by_key(|outcome| match outcome {
        Outcome::Done(places, _) => places.first().copied().unwrap_or_default(),
        Outcome::Failed(place, _) => *place,
    });
    Ok(outcomes)
}

fn failed<T>(rows: &[Row], place: usize, problem: String, strict: bool) -> Result<Outcome<T>> {
    match strict {
        true => Err(Error::Row { number: rows[place].number, problem }),
        false => Ok(Outcome::Failed(place, problem)),
    }
}

/// The index among the texts of a call of the one that is at fault; `None` if it is not known.
fn at_fault(error: &CallError, group: &[usize]) -> Option<usize> {
    let index = if group.len() == 1 { Some(0) } else { error.text().map(|text| text.index) };
    index.filter(|&index| index < group.len())
}

/// The request with the texts of rows.
fn request(rows: &[Row], places: &[usize], template: &AttributionRequest) -> Result<AttributionRequest> {
    let chosen = || places.iter().map(|&place| &rows[place]);
    let texts = || chosen().filter_map(|row| row.texts.as_ref().ok());
    let numbers: Vec<usize> = chosen().map(|row| usize::try_from(row.number).unwrap_or(usize::MAX)).collect();
    let mut request = template.of_texts(&numbers).input_texts(texts().map(|(input, _)| input));
    request.generated_texts = texts().map(|(_, generated)| generated.clone()).collect();
    let names = chosen().next().into_iter().flat_map(|row| row.arguments.keys());
    let column = |name: &String| {
        (name.clone(), chosen().map(|row| row.arguments.get(name).map(String::as_str)).collect::<Vec<_>>().into())
    };
    request.add_keywords(&names.map(column).collect(), &[])?;
    Ok(request)
}

/// Whether an error would come with any text.
fn is_everyones(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Cancelled
            | CallError::Unknown(_)
            | CallError::Device { .. }
            | CallError::Method { .. }
            | CallError::StepFunction { .. }
            | CallError::NotAllowed { .. }
            | CallError::Model(
                inseq_models::Error::Device { .. } | inseq_models::Error::Io { .. } | inseq_models::Error::Hub { .. }
            )
    )
}

#[cfg(test)]
mod tests {
    use inseq_core::{TextKind, TextName};

    use super::*;

    fn rows(texts: &[&str]) -> Vec<Row> {
        let row = |(number, text): (usize, &&str)| {
            let texts =
                if text.is_empty() { Err("the input text is null".into()) } else { Ok(((*text).to_owned(), None)) };
            Row::new(number as u64, texts)
        };
        texts.iter().enumerate().map(row).collect()
    }

    /// A call that fails on texts that begin with `bad`.
    fn call(request: &AttributionRequest) -> Result<Vec<String>, CallError> {
        match request.input_texts.iter().position(|text| text.starts_with("bad")) {
            Some(place) => Err(CallError::of_text("input_texts", TextName::new(TextKind::Input, place), "is bad")),
            None => Ok(request.input_texts.clone()),
        }
    }

    /// Texts that begin with `bad` and a space, of those that fail.
    fn refusals(request: &AttributionRequest) -> Result<Vec<(usize, CallError)>, CallError> {
        let texts = request.input_texts.iter().enumerate().filter(|(_, text)| text.starts_with("bad "));
        let error = |place| CallError::of_text("input_texts", TextName::new(TextKind::Input, place), "is bad");
        Ok(texts.map(|(place, _)| (place, error(place))).collect())
    }

    #[test]
    fn texts_that_cannot_be_read_cost_one_call() {
        let mut calls = 0;
        let rows = rows(&["bad 1", "a", "bad 2", "b", "bad 3", "bad 4", "c"]);
        let found = outcomes(&rows, &AttributionRequest::default(), false, &refusals, &mut |request| {
            calls += 1;
            call(request)
        });
        let failed = found.unwrap().iter().filter(|outcome| matches!(outcome, Outcome::Failed(..))).count();
        assert_eq!((calls, failed), (2, 4));
    }

    #[test]
    fn bad_rows_stand_alone_and_the_others_are_done() {
        let rows = rows(&["a", "b", "", "bad", "c", "d", "bad too", "e", "f"]);
        let found = outcomes(&rows, &AttributionRequest::default(), false, &refusals, &mut call).unwrap();
        let mut seen = Vec::new();
        for outcome in found {
            match outcome {
                Outcome::Done(places, texts) => {
                    assert_eq!(places.len(), texts.len());
                    seen.extend(places.into_iter().zip(texts).map(|(place, text)| (place, Ok(text))));
                }
                Outcome::Failed(place, problem) => seen.push((place, Err(problem))),
            }
        }
        let expected: Vec<(usize, Result<String, String>)> = rows
            .iter()
            .enumerate()
            .map(|(place, row)| match &row.texts {
                Ok((text, _)) if text.starts_with("bad") => (place, Err("the input text is bad".to_owned())),
                texts => (place, texts.clone().map(|(text, _)| text)),
            })
            .collect();
        seen.sort_by_key(|(place, _)| *place);
        assert_eq!(seen, expected);
    }

    #[test]
    fn an_error_of_everyone_ends_the_part_at_once() {
        let mut calls = 0;
        let result = outcomes(&rows(&["a", "b"]), &AttributionRequest::default(), false, &refusals, &mut |_| {
            calls += 1;
            Err::<(), _>(CallError::Cancelled)
        });
        assert!(matches!(result, Err(Error::Attribution(CallError::Cancelled))));
        assert_eq!(calls, 1);
    }

    #[test]
    fn a_strict_part_ends_at_its_first_bad_row() {
        let rows = rows(&["a", "b", "bad", "c", "bad too"]);
        let error = outcomes(&rows, &AttributionRequest::default(), true, &refusals, &mut call).err().unwrap();
        assert_eq!(error.to_string(), "row 2: the input text is bad");
    }
}
