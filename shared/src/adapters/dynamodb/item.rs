//! Reads and writes items attribute by attribute. Names are short because every byte of a row is paid for.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::time::Moment;
use crate::ports::PortError;

/// A row, as DynamoDB's client has it: attributes by name.
pub type Item = HashMap<String, AttributeValue>;

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub fn moment(value: Moment) -> AttributeValue {
    number(value.0)
}

pub fn bytes(value: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// Builds an item. `maybe_…` leaves an absent value out, so that it takes no space.
#[derive(Default)]
pub struct Builder(Item);

impl Builder {
    /// Begins with the item's partition key and sort key.
    pub fn keyed(pk: String, sk: impl Into<String>) -> Self {
        Self::default().text("pk", pk).text("sk", sk)
    }

    pub fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.value(name, text(value))
    }

    pub fn number(self, name: &str, value: impl ToString) -> Self {
        self.value(name, number(value))
    }

    pub fn maybe_text(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub fn maybe_moment(self, name: &str, value: Option<Moment>) -> Self {
        match value {
            Some(value) => self.value(name, moment(value)),
            None => self,
        }
    }

    pub fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub fn build(self) -> Item {
        self.0
    }
}

/// Reads an item's attributes.
///
/// `maybe_…` reads a missing attribute, or one of another type, as `None`. The others answer [`PortError::Broken`],
/// which names the attribute.
pub struct Reader<'a>(pub &'a Item);

impl Reader<'_> {
    pub fn text(&self, name: &str) -> Result<String, PortError> {
        self.maybe_text(name).ok_or_else(|| unreadable(name))
    }

    pub fn maybe_text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(|value| value.as_s().ok()).cloned()
    }

    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, PortError> {
        self.maybe_number(name).ok_or_else(|| unreadable(name))
    }

    pub fn maybe_number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok())
    }

    pub fn moment(&self, name: &str) -> Result<Moment, PortError> {
        self.number(name).map(Moment)
    }

    pub fn maybe_moment(&self, name: &str) -> Option<Moment> {
        self.maybe_number(name).map(Moment)
    }

    /// A moment that is stored as Unix seconds, as DynamoDB's TTL requires.
    pub fn maybe_expiry(&self, name: &str) -> Option<Moment> {
        self.maybe_number::<i64>(name).map(|seconds| Moment(seconds * 1_000))
    }

    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, PortError> {
        let blob = self.0.get(name).and_then(|value| value.as_b().ok()).ok_or_else(|| unreadable(name))?;
        Ok(blob.as_ref().to_vec())
    }

    /// A list of texts; empty when there is none. Members of another type are left out.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let list = self.0.get(name).and_then(|value| value.as_l().ok());
        list.into_iter().flatten().filter_map(|value| value.as_s().ok()).cloned().collect()
    }
}

/// The error for a row whose attribute of this name is missing or of another type.
pub fn unreadable(name: &str) -> PortError {
    PortError::Broken { port: super::PORT, reason: format!("a row's {name} is unreadable") }
}
