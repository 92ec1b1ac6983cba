//! Arguments of filters that may be given by place or by name.

use minijinja::value::{ArgType, Kwargs, Rest, Value, ValueOrKwargs, from_args};
use minijinja::{Error, ErrorKind};

/// The arguments of a call in the order of their names; `None` for those that are not there.
pub(super) fn by_name<const N: usize>(
    arguments: Rest<ValueOrKwargs>,
    names: [&str; N],
) -> Result<[Option<Value>; N], Error> {
    let arguments = arguments.into_values();
    let (placed, named) = from_args::<(&[Value], Kwargs)>(&arguments)?;
    if placed.len() > N {
        return Err(Error::from(ErrorKind::TooManyArguments));
    }
    let mut found = [const { None }; N];
    for (index, name) in names.into_iter().enumerate() {
        found[index] = match placed.get(index) {
            Some(value) => Some(value.clone()),
            None if named.has(name) => Some(named.get(name)?),
            None => None,
        };
    }
    named.assert_all_used()?;
    Ok(found)
}

/// An argument as a type; the default if it is not there, or is `none`.
pub(super) fn or<T: for<'a> ArgType<'a, Output = T>>(argument: Option<&Value>, default: T) -> Result<T, Error> {
    argument.filter(|value| !value.is_none()).map_or(Ok(default), |value| T::from_value(Some(value)))
}
