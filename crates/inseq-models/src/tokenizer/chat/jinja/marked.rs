//! Objects with marks in their JSON.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

/// A mapping whose JSON has a mark behind its opening brace and one before its closing brace.
#[derive(Clone, Debug)]
pub(in super::super) struct Marked {
    fields: Vec<(Value, Value)>,
    marks: [char; 2],
}

impl Marked {
    /// A mapping with its fields, in order.
    pub(in super::super) fn new(fields: Vec<(Value, Value)>, marks: [char; 2]) -> Self {
        Self { fields, marks }
    }

    pub(super) fn start(&self) -> char {
        self.marks[0]
    }

    pub(super) fn end(&self) -> char {
        self.marks[1]
    }
}

impl Object for Marked {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.fields.iter().map(|(name, _)| name.clone()).collect())
    }
}
