//! The collections a key can hold.

use super::value::{Kind, Typed, Value};

/// Stand-ins until the structures themselves arrive: a bag of byte strings each.
macro_rules! stand_in {
    ($name:ident, $encoding:literal) => {
        #[derive(Debug, Default, Clone)]
        pub struct $name {
            pub elements: Vec<Vec<u8>>,
        }

        #[allow(clippy::len_without_is_empty)] // it comes with Typed
        impl $name {
            #[must_use]
            pub fn encoding(&self) -> &'static str {
                $encoding
            }

            #[must_use]
            pub fn duplicate(&self) -> Self {
                self.clone()
            }

            #[must_use]
            pub fn len(&self) -> usize {
                self.elements.len()
            }
        }

        impl Typed for $name {
            const KIND: Kind = Kind::$name;

            fn from_value(value: Value) -> Option<Box<Self>> {
                match value {
                    Value::$name(collection) => Some(collection),
                    _ => None,
                }
            }

            fn into_value(self: Box<Self>) -> Value {
                Value::$name(self)
            }

            fn heap_bytes(&self) -> usize {
                self.elements.len() * 40
            }

            fn is_empty(&self) -> bool {
                self.elements.is_empty()
            }
        }
    };
}

stand_in!(List, "quicklist");
stand_in!(Set, "hashtable");
stand_in!(SortedSet, "skiplist");
stand_in!(Hash, "hashtable");
stand_in!(Stream, "stream");
