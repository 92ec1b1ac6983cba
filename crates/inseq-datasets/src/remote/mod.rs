//! Files that are not on this machine: objects of object stores, and files of web servers.
//!
//! A bucket is a connection, an [`Object`] one file of it, which is read in blocks. Everything here blocks: a bucket has threads of
//! its own that wait for the network. In a build without the feature `cloud` there are no objects, and opening one is an error.

#[cfg(not(feature = "cloud"))]
mod absent;
#[cfg(feature = "cloud")]
mod bucket;
#[cfg(feature = "cloud")]
mod folder;
#[cfg(feature = "cloud")]
mod object;
#[cfg(feature = "cloud")]
mod problem;
#[cfg(all(test, feature = "cloud"))]
pub(crate) mod s3_server;
#[cfg(feature = "cloud")]
mod tasks;
#[cfg(all(test, feature = "cloud"))]
mod tests;

#[cfg(not(feature = "cloud"))]
pub(crate) use absent::{Buckets, Folder, Object, ObjectReader, unsupported};
#[cfg(feature = "cloud")]
pub(crate) use bucket::{Bucket, Buckets, Written};
#[cfg(feature = "cloud")]
pub(crate) use folder::Folder;
#[cfg(feature = "cloud")]
pub(crate) use object::{Object, ObjectReader};

/// Beginnings of addresses, and whether results can be written there.
const SCHEMES: [(&str, bool); 5] =
    [("s3://", true), ("gs://", true), ("az://", true), ("http://", false), ("https://", false)];

/// Whether a path is the address of an object or of a file of the web.
pub(crate) fn is_address(path: &str) -> bool {
    SCHEMES.iter().any(|(scheme, _)| path.starts_with(scheme))
}

/// Whether an address is one of the web, where files have no folders.
pub(crate) fn is_web(address: &str) -> bool {
    is_address(address) && !is_writable(address)
}

/// A name without the query of a web address, which may be a signature.
pub(crate) fn without_query(name: &str) -> &str {
    name.split_once('?').filter(|_| is_web(name)).map_or(name, |(address, _)| address)
}

/// Whether results can be written at an address.
pub(crate) fn is_writable(address: &str) -> bool {
    SCHEMES.iter().any(|(scheme, is_writable)| *is_writable && address.starts_with(scheme))
}
