//! What went wrong at a store, and the way out.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::bucket::Provider;

/// Says that no credentials were found: the addresses at which machines of a provider ask for theirs, and messages of missing settings.
const WITHOUT_CREDENTIALS: [&str; 6] = [
    "169.254.169.254",
    "169.254.170.2",
    "/latest/api/token",
    "metadata.google.internal",
    "Account must be specified",
    "could not be loaded from",
];

/// Codes of stores for a bucket that is not there.
const WITHOUT_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"];

/// Codes of stores for credentials that are wrong, rather than not allowed to do something.
const WRONG_CREDENTIALS: [&str; 7] = [
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "AuthenticationFailed",
    "AuthFailure",
    "TokenRefreshRequired",
];

/// An error of a store, with the way out where there is one.
pub(super) fn explained(provider: Provider, error: &Error) -> io::Error {
    let text = chain(error);
    let has = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    let (kind, said) = if has(&WITHOUT_BUCKET) {
        let endpoint = provider.endpoint().map(|name| format!(", and {name} where another store is meant"));
        (ErrorKind::NotFound, format!("there is no such bucket; check its name{}", endpoint.unwrap_or_default()))
    } else if has(&WITHOUT_CREDENTIALS) {
        (ErrorKind::InvalidInput, format!("there are no credentials; {}", provider.credentials()))
    } else if has(&WRONG_CREDENTIALS) || matches!(error, Error::Unauthenticated { .. }) {
        let code = code(&text).map(|code| format!(" ({code})")).unwrap_or_default();
        (ErrorKind::InvalidInput, format!("the credentials are refused{code}; {}", provider.credentials()))
    } else if let Error::PermissionDenied { .. } = error {
        let code = code(&text).map(|code| format!(" ({code})")).unwrap_or_default();
        let said = format!("access is denied{code}; check the credentials, and that they have the right to do this");
        (ErrorKind::PermissionDenied, said)
    } else if text.contains("URL scheme is not allowed") {
        (ErrorKind::InvalidInput, provider.plain_http().to_owned())
    } else if text.contains("redirect without LOCATION") {
        (ErrorKind::InvalidInput, "the bucket is in another region; name it in AWS_REGION".to_owned())
    } else if let Some(reason) = unreachable(error) {
        let endpoint = provider.endpoint().map(|name| format!("{name} and ")).unwrap_or_default();
        (ErrorKind::NotConnected, format!("there is no answer ({reason}); check {endpoint}the network"))
    } else {
        match error {
            Error::NotFound { .. } => (ErrorKind::NotFound, "there is no such file".to_owned()),
            Error::Precondition { .. } => (ErrorKind::Other, "the file has changed since it was opened".to_owned()),
            Error::NotImplemented { .. } => (ErrorKind::Unsupported, error.to_string()),
            Error::NotSupported { .. } => {
                (ErrorKind::Unsupported, format!("the server cannot do this ({error}); copy the files to this machine"))
            }
            _ => (ErrorKind::Other, root(error)),
        }
    };
    io::Error::new(kind, said)
}

/// Every message from the error to its cause.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push('\n');
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The message of the last cause that has one.
fn root(error: &Error) -> String {
    let mut last: &dyn StdError = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// Why the server gave no answer at all.
fn unreachable(error: &Error) -> Option<String> {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            let is_silent = matches!(http.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
            return is_silent.then(|| {
                let mut last: &dyn StdError = http;
                while let Some(cause) = last.source() {
                    last = cause;
                }
                last.to_string()
            });
        }
        cause = error.source();
    }
    None
}

/// The code in the answer of a store: `<Code>AccessDenied</Code>`.
fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}
