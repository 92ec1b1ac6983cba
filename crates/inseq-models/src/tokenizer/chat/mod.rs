//! Chats as one text, in the form that a model was trained on.

mod conversation;
mod jinja;
mod marks;
mod message;
mod ordered;
mod reading;
mod templates;

pub use conversation::Chat;
pub use marks::{ChatText, MessageSpan};
pub use message::{Message, MessagePart, PartKind};
pub use ordered::OrderedJson;
pub(super) use templates::Templates;
