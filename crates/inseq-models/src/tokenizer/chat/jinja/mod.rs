//! Jinja as transformers configures it.

mod arguments;
mod filters;
mod json;
mod marked;
mod methods;
mod python;
mod syntax;

use std::fmt::Write as _;

use chrono::{DateTime, Local};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};

pub(super) use marked::Marked;

/// Largest number of steps of a template, which is untrusted and may loop forever.
const FUEL: u64 = 10_000_000;

/// Renders templates; every rendering is at the same time of the day.
pub(super) struct Jinja {
    environment: Environment<'static>,
}

impl Jinja {
    /// Reads a template, which is rendered at a time.
    pub(super) fn new(template: &str, now: DateTime<Local>) -> Result<Self, Error> {
        let mut environment = environment(now)?;
        environment.add_template_owned(NAME, syntax::adapted(template))?;
        Ok(Self { environment })
    }

    /// Renders the template with variables.
    pub(super) fn render(&self, variables: Value) -> Result<String, Error> {
        self.environment.get_template(NAME)?.render(variables)
    }
}

/// Name of the template in messages.
const NAME: &str = "chat template";

fn environment(now: DateTime<Local>) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(write_as_python);
    environment.set_unknown_method_callback(methods::call);
    filters::add(&mut environment);
    environment.add_filter("tojson", json::to_json);
    // A text and a mapping are sequences in Jinja.
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map)
    });
    environment.add_test("callable", |value: &Value| value.kind() == ValueKind::Plain);
    environment.add_function("cycler", |Rest(items): Rest<Value>| minijinja_contrib::globals::cycler(items));
    environment.add_function("joiner", minijinja_contrib::globals::joiner);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_function("strftime_now", move |format: String| -> Result<String, Error> {
        let mut out = String::new();
        write!(out, "{}", now.format(&format))
            .map_err(|_| Error::new(ErrorKind::InvalidOperation, format!("{format:?} is no format of a time")))?;
        Ok(out)
    });
    Ok(environment)
}

/// Writes a value as Python does.
fn write_as_python(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None | ValueKind::Bool | ValueKind::Number | ValueKind::Seq | ValueKind::Map => {
            Ok(out.write_str(&python::text(value))?)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}
